"""An Optuna sampler that is seeded anew for each trial, so that it has no state to lose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class ReseededSampler:
    """Makes what the sampler draws depend on the trial's number and the history only.

    Offers Optuna the methods of its BaseSampler without deriving from it, as Optuna is
    imported late here.

    Parameters
    ----------
    make : callable
        Trial number -> the sampler for that trial.
    storage : optuna.storages.BaseStorage
        The study's.
    infer_anew : bool
        Have each trial's sampler infer the search space itself. The first sampler can do
        it for all, and much faster, as it looks at each finished trial once; but some
        samplers draw from what they themselves have inferred.
    """

    def __init__(self, make: Callable[[int], Any], storage: Any, *, infer_anew: bool) -> None:
        self._make = make
        self._storage = storage
        self._infer_anew = infer_anew
        self._first = self._current = make(0)

    def before_trial(self, study: Any, trial: Any) -> None:
        """Seed for this trial."""
        self._current = self._make(trial.number)
        self._current.before_trial(study, trial)

    def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
        """Find the parameters that are drawn together."""
        sampler = self._current if self._infer_anew else self._first
        space: dict[str, Any] = sampler.infer_relative_search_space(study, trial)
        return space

    def sample_relative(self, study: Any, trial: Any, search_space: Any) -> dict[str, Any]:
        """Draw these together."""
        params: dict[str, Any] = self._current.sample_relative(study, trial, search_space)
        # TPE notes the draw on the trial, with values of parameters that turn out to be
        # inactive, and reads that while the trial runs. The journal knows nothing of it.
        trial_id = trial._trial_id
        for name in list(self._storage.get_trial_system_attrs(trial_id)):
            self._storage.set_trial_system_attr(trial_id, name, None)
        return params

    def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
        """Draw a parameter by itself."""
        return self._current.sample_independent(study, trial, name, distribution)

    def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
        """Pass on that a trial has ended."""
        self._first.after_trial(study, trial, state, values)
