"""Optuna's samplers as planners: tpe, cmaes, gp, nsga2 and qmc, through one adapter.

Each takes the sampler's own keyword arguments as options. The study lives in memory and
Optuna's own numbering is ours. Choices and stepped floats are suggested by index, so that
0.15 stays 0.15 and true is not 1; whatever the journal holds can be told back exactly.
"""

from __future__ import annotations

import hashlib
import inspect
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from candle_workflow.errors import ConfigError
from candle_workflow.model import Finished, Objective, State, Suggestion
from candle_workflow.planners.options import refuse_unknown
from candle_workflow.planners.reseeded import ReseededSampler
from candle_workflow.plugins import require
from candle_workflow.space import Space
from candle_workflow.space.parameters import Choice, Float, Integer, Parameter, identity

_PLAIN: dict[str, Any] = {
    "bool": bool, "int": int, "float": (int, float), "str": str, "None": type(None)
}  # fmt: skip


class OptunaPlanner:
    """Asks one Optuna sampler, whose random state goes on from ask to ask.

    A campaign is brought back by asking everything again.
    """

    def __init__(
        self,
        space: Space,
        sampler: Any,
        storage: Any,
        *,
        objective: Objective,
        trials: int | None,
    ) -> None:
        optuna = require("optuna", "optuna")
        self.size = trials
        self._space = space
        self._next = 0
        self._storage = storage
        with _quiet():
            self._study = optuna.create_study(
                storage=storage,
                sampler=sampler,
                pruner=optuna.pruners.NopPruner(),
                direction="maximize" if objective.mode == "max" else "minimize",
            )
        self._study_id = storage.get_study_id_from_name(self._study.study_name)

    def ask(self, count: int) -> list[Suggestion]:
        """Have the sampler suggest, one trial after the other."""
        if self.size is not None:
            count = min(count, self.size - self._next)
        with _quiet():
            return [self._suggest() for _ in range(count)]

    def _suggest(self) -> Suggestion:
        trial = self._study.ask()
        params: dict[str, Any] = {}
        for parameter in self._space.order:
            if self._space.active(parameter, params):
                params[parameter.name] = _suggest_value(trial, parameter)
        self._next += 1
        return Suggestion(trial.number, params)

    def tell(self, finished: Finished) -> None:
        """Pass the result on; a trial without a number as its result counts as failed."""
        states = require("optuna.trial", "optuna").TrialState
        value = finished.objective
        counts = value is not None and value == value
        with _quiet():
            if counts and finished.state is State.COMPLETE:
                self._study.tell(finished.number, value, state=states.COMPLETE)
            elif counts and finished.state is State.PRUNED:
                # Optuna takes a pruned trial's value from its last intermediate one
                trial_id = self._trial_id(finished.number)
                self._storage.set_trial_intermediate_value(trial_id, 1, value)
                self._study.tell(finished.number, state=states.PRUNED)
            else:
                self._study.tell(finished.number, state=states.FAIL)

    def _trial_id(self, number: int) -> int:
        trial_id: int = self._storage.get_trial_id_from_study_id_trial_number(
            self._study_id, number
        )
        return trial_id

    @property
    def done(self) -> bool:
        """Whether all trials have been suggested."""
        return self.size is not None and self._next >= self.size


class RestorableOptunaPlanner(OptunaPlanner):
    """Asks a sampler that is seeded anew for each trial.

    So a suggestion depends on seed, number and history only, and a campaign is brought
    back by recording what was suggested instead of computing it again.
    """

    def restore(self, suggestion: Suggestion) -> None:
        """Record a suggestion that was made before."""
        optuna = require("optuna", "optuna")
        parameters = [self._space.parameters[name] for name in suggestion.params]
        self._study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING,
                params={p.name: _to_optuna(p, suggestion.params[p.name]) for p in parameters},
                distributions={p.name: _distribution(p) for p in parameters},
            )
        )
        self._next = suggestion.number + 1


# ------------------------------------------------------------------ parameters


def _suggest_value(trial: Any, parameter: Parameter) -> Any:
    name = parameter.name
    if isinstance(parameter, Choice):
        return parameter.at(trial.suggest_categorical(name, range(parameter.count)))
    if isinstance(parameter, Integer):
        low, high = parameter.low, _last(parameter)
        return trial.suggest_int(name, low, high, log=parameter.log, step=parameter.step)
    if parameter.count is not None:
        return parameter.at(trial.suggest_int(name, 0, parameter.count - 1))
    return trial.suggest_float(name, parameter.low, parameter.high, log=parameter.log)


def _distribution(parameter: Parameter) -> Any:
    kinds = require("optuna.distributions", "optuna")
    if isinstance(parameter, Choice):
        return kinds.CategoricalDistribution(range(parameter.count))
    if isinstance(parameter, Integer):
        low, high = parameter.low, _last(parameter)
        return kinds.IntDistribution(low, high, log=parameter.log, step=parameter.step)
    if parameter.count is not None:
        return kinds.IntDistribution(0, parameter.count - 1)
    return kinds.FloatDistribution(parameter.low, parameter.high, log=parameter.log)


def _to_optuna(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter, Choice):
        return [identity(choice) for choice in parameter.choices].index(identity(value))
    if isinstance(parameter, Float) and parameter.count is not None:
        return parameter.index(value)
    return value


def _last(parameter: Integer) -> int:
    # a range of 1 to 10 in steps of 2 ends at 9, and Optuna wants to be told so
    return parameter.at(parameter.count - 1)


def _sampler_seed(seed: int, number: int) -> int:
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4])  # what numpy's seeds may be


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna's log and its warnings about experimental options away from the user."""
    logging = require("optuna.logging", "optuna")
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(before)


# -------------------------------------------------------------------- samplers


def tpe(space: Space, **arguments: Any) -> RestorableOptunaPlanner:
    """Build the tree-structured Parzen estimator (Bergstra et al. 2011).

    Running trials count as poor ones (``constant_liar``) unless it is switched off, so
    that trials side by side do not crowd together.
    """
    arguments = {"constant_liar": True} | arguments
    return _restorable("tpe", "TPESampler", space, **arguments)


def gp(space: Space, **arguments: Any) -> RestorableOptunaPlanner:
    """Build Bayesian optimisation by a Gaussian process; needs PyTorch."""
    require("torch", "gp")
    return _restorable("gp", "GPSampler", space, **arguments)


def cmaes(space: Space, **arguments: Any) -> OptunaPlanner:
    """Build the covariance matrix adaptation evolution strategy (Hansen 2016)."""
    require("cmaes", "optuna")
    return _plain("cmaes", "CmaEsSampler", space, **arguments)


def nsga2(space: Space, **arguments: Any) -> OptunaPlanner:
    """Build the genetic algorithm NSGA-II (Deb et al. 2002), here with one objective."""
    return _plain("nsga2", "NSGAIISampler", space, **arguments)


def qmc(space: Space, **arguments: Any) -> OptunaPlanner:
    """Build a quasi-random search: Sobol or Halton points."""
    require("scipy.stats", "optuna")
    return _plain("qmc", "QMCSampler", space, **arguments)


def _plain(
    name: str,
    sampler: str,
    space: Space,
    *,
    objective: Objective,
    trials: int | None,
    seed: int,
    **options: Any,
) -> OptunaPlanner:
    make = _maker(name, sampler, seed, options)
    storage = require("optuna", "optuna").storages.InMemoryStorage()
    with _quiet():
        first = make(0)
    return OptunaPlanner(space, first, storage, objective=objective, trials=trials)


def _restorable(
    name: str,
    sampler: str,
    space: Space,
    *,
    objective: Objective,
    trials: int | None,
    seed: int,
    **options: Any,
) -> RestorableOptunaPlanner:
    storage = require("optuna", "optuna").storages.InMemoryStorage()
    make = _maker(name, sampler, seed, options)
    # samplers that decompose the space into groups draw from what they inferred
    with _quiet():
        reseeded = ReseededSampler(make, storage, infer_anew=options.get("group", False))
    return RestorableOptunaPlanner(space, reseeded, storage, objective=objective, trials=trials)


def _maker(
    planner: str, sampler: str, seed: int, options: Mapping[str, Any]
) -> Callable[[int], Any]:
    """Give what makes the sampler for a trial, having made sure that it accepts the options."""
    sampler_class = getattr(require("optuna.samplers", "optuna"), sampler)
    _check_options(options, inspect.signature(sampler_class).parameters, planner=planner)

    def make(number: int) -> Any:
        return sampler_class(**options, seed=_sampler_seed(seed, number))

    try:
        with _quiet():
            make(0)
    except ValueError as error:
        raise ConfigError(f"the planner '{planner}' refuses its options: {error}") from error
    return make


def _check_options(
    options: Mapping[str, Any], signature: Mapping[str, inspect.Parameter], *, planner: str
) -> None:
    """Accept the sampler's keyword arguments whose values a campaign file can hold."""
    words = {name: set(re.findall(r"\w+", str(p.annotation))) for name, p in signature.items()}
    known = {
        name: kinds
        for name, kinds in words.items()
        # the seed is the campaign's, and warnings are not shown
        if kinds <= _PLAIN.keys() and name != "seed" and not name.startswith("warn_")
    }
    refuse_unknown(options, known, planner=planner)
    for name, value in options.items():
        if not any(_is_a(value, kind) for kind in known[name]):
            expected = " or ".join(sorted(known[name] - {"None"}))
            raise ConfigError(f"{value!r} is not of type {expected}.", key=name)


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    return isinstance(value, _PLAIN[kind])
