"""One self-contained HTML page of a campaign: no network, no other file.

Text is written here, escaped; charts and the table of trials are drawn in the browser by
``chart.js``, ``plots.js`` and ``trials.js`` from the data embedded by ``payload``. A content
security policy lets nothing but these scripts run, whatever names or messages contain.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from candle_workflow._version import __version__
from candle_workflow.replay import Trial
from candle_workflow.reports.payload import payload
from candle_workflow.reports.table import strict
from candle_workflow.rows import CampaignRow, Index

SCRIPTS = ("chart.js", "plots.js", "trials.js")
_SECRET = re.compile(r"trainer_env\.variables\..*(PASS|SECRET|TOKEN|KEY|CREDENTIAL)", re.I)
MESSAGES = 12  # different failures shown in full
ABSENT, TIMES, ARROW = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}", "\N{RIGHTWARDS ARROW}"


def render(store: Index, campaign: str | Path) -> str:
    """Write a campaign's page.

    Parameters
    ----------
    store : Index
        Up to date with the campaign.
    campaign : str or Path
        Its name or path.

    Raises
    ------
    ConfigError
        The store does not know it.
    """
    row = store.campaign(campaign)
    best = next(iter(store.trials(row, best=1)), None)
    style = _asset("report.css")
    script = "".join(_asset(name) for name in SCRIPTS)
    policy = f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}"
    data = payload(store, row)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(row.name)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"{_body(store, row, best, data)}"
        f'<script type="application/json" id="data">{embedded(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def embedded(data: Any) -> str:
    """Write data as JSON that may stand inside a script element."""
    text = json.dumps(strict(data), separators=(",", ":"), allow_nan=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def number(value: Any) -> str:
    """Write a number for people, in at most five significant digits."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.5g}"


def duration(seconds: float) -> str:
    """Write a duration in its two largest units."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(i for i, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def moment(time_s: float | None) -> str:
    """Write a time for people, in UTC."""
    if time_s is None:
        return ABSENT
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


# ------------------------------------------------------------------ the page's parts


def _body(store: Index, row: CampaignRow, best: Trial | None, data: dict[str, Any]) -> str:
    parts = [_header(row), "<main>\n", _tiles(row, best), _best(row, best)]
    curves, lanes = bool(data["curves"]["metrics"]), bool(data["lanes"])
    parts += [
        _figure("best-so-far", "Best so far", wide=not curves),
        _figure("learning-curves", "Learning curves", wide=False) if curves else "",
        _figure("parallel", "Parameters and objective", wide=True),
        _figure("importance", "Parameter importance", wide=not lanes),
        _figure("timeline", "Trials over time", wide=False) if lanes else "",
    ]
    parts += [_failures(store, row), _trials(data), _spec(row), _history(row), _provenance(row)]
    return "".join(parts) + f"</main>\n<footer>candle-workflow {escape(__version__)}</footer>\n"


def _header(row: CampaignRow) -> str:
    sentence = f"{row.state}: {row.message}" if row.message else row.state
    return (
        f'<header>\n<p class="kind">{escape(row.kind)} campaign</p>\n<h1>{escape(row.name)}</h1>\n'
        f'<p><span class="state {escape(row.state)}">{escape(sentence)}</span>'
        f' <span class="quiet">as of <time>{moment(row.updated)}</time></span></p>\n</header>\n'
    )


def _tiles(row: CampaignRow, best: Trial | None) -> str:
    objective = row.objective
    worked = sum(max(0.0, s.get("closed", row.updated) - s["opened"]) for s in row.sessions)
    at = f"mean of the last {objective.mean_of}" if objective.at == "mean" else objective.at
    larger = "larger" if objective.mode == "max" else "smaller"
    goal = f"{objective.metric}, a trial's {at}; {larger} is better"
    tiles = [
        ("best", number(best.objective) if best else ABSENT, goal),
        ("trials", f"{row.total:,}", _counts(row)),
        ("time worked", duration(worked), f"begun {moment(row.begun)}"),
    ]
    inner = "".join(
        f'<div class="tile"><dt>{escape(name)}</dt><dd>{escape(value)}</dd>'
        f"<p>{escape(note)}</p></div>\n"
        for name, value, note in tiles
    )
    return f'<dl class="tiles">\n{inner}</dl>\n'


def _counts(row: CampaignRow) -> str:
    order = ("complete", "failed", "pruned", "cancelled", "running", "waiting")
    counts = {str(state): count for state, count in row.counts.items()}
    return ", ".join(f"{counts[state]:,} {state}" for state in order if state in counts)


def _best(row: CampaignRow, best: Trial | None) -> str:
    if best is None:
        return ""
    return (
        f'<section class="card wide"><h2>Best trial: {best.number}</h2>\n'
        f'<div class="pair">{_values("Parameters", best.params)}'
        f"{_values('Metrics at its end', dict(sorted(best.metrics.items())))}</div></section>\n"
    )


def _values(title: str, values: dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(_plain(value))}</td></tr>\n'
        for name, value in values.items()
    )
    return f'<table class="values"><caption>{title}</caption>\n{rows}</table>\n'


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _figure(name: str, title: str, *, wide: bool) -> str:
    kind = "card wide" if wide else "card"
    return (
        f'<figure class="{kind}" id="{name}"><h2>{title}</h2><div class="tools"></div>'
        '<div class="plot"></div><figcaption></figcaption></figure>\n'
    )


def _failures(store: Index, row: CampaignRow) -> str:
    failures, retries = store.failures(row), store.retries(row)
    if not failures and not retries:
        return ""
    parts = ['<section class="card wide" id="failures"><h2>Failures</h2>\n']
    for cause, message, count, first in failures[:MESSAGES]:
        last_line = message.strip().rpartition("\n")[2]
        summary = (
            f'<span class="cause">{cause.value}</span> {count:,} {TIMES} {escape(last_line[:160])}'
            f' <span class="quiet">{"first in" if count > 1 else "in"} trial {first}</span>'
        )
        parts.append(
            f"<details><summary>{summary}</summary><pre>{escape(message[:6000])}</pre></details>\n"
        )
    if len(failures) > MESSAGES:
        rest = sum(count for _, _, count, _ in failures[MESSAGES:])
        parts.append(f"<p>{rest:,} more with {len(failures) - MESSAGES:,} other messages.</p>\n")
    if retries:
        tried = ", ".join(f"{count:,} {cause.value}" for cause, count in retries.items())
        parts.append(f"<p>Attempts that were tried again: {tried}.</p>\n")
    return "".join(parts) + "</section>\n"


def _trials(data: dict[str, Any]) -> str:
    return (
        f'<section class="card wide" id="trials"><h2>Trials</h2><p class="quiet">'
        f'{escape(data["rows_note"])}</p><div class="tools"></div><div class="scroll"></div>\n'
        "<noscript><p>The charts and the table of trials need JavaScript.</p></noscript>"
        "</section>\n"
    )


def _spec(row: CampaignRow) -> str:
    lines = [
        (key, "***" if _SECRET.match(key) else _plain(value), _origin(key, row))
        for key, value in _leaves(row.spec)
    ]
    return _details("Campaign file, as resolved", _grid(("key", "value", "from"), lines))


def _origin(key: str, row: CampaignRow) -> str:
    """Say where a value comes from: that of the nearest enclosing key that has an origin."""
    while key not in row.origins and "." in key:
        key = key.rpartition(".")[0]
    return row.origins.get(key, "")


def _history(row: CampaignRow) -> str:
    heads = ("opened", "closed", "host", "version", "ended")
    lines = [
        (moment(s["opened"]), moment(s.get("closed")), s.get("host"), s.get("version"),
         s.get("status", "open"))
        for s in row.sessions
    ]  # fmt: skip
    changes = "".join(
        f"<li>{moment(change['t'])}: {escape(key)}:"
        f" {escape(_plain(old))} {ARROW} {escape(_plain(new))}</li>\n"
        for change in row.changes
        for key, (old, new) in change["changes"].items()
    )
    listed = f"<ul>{changes}</ul>" if changes else ""
    return _details("Controllers and changes", _grid(heads, lines) + listed)


def _grid(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(str(value))}</td>' for value in line)}</tr>\n"
        for line in lines
    )
    return f'<div class="scroll"><table class="values"><tr>{head}</tr>\n{body}</table></div>'


def _provenance(row: CampaignRow) -> str:
    values = {"path": str(row.path), "id": row.uid, **dict(_leaves(row.provenance))}
    return _details("Provenance", _values("", values))


def _details(title: str, inner: str) -> str:
    return f'<details class="card wide"><summary>{title}</summary>{inner}</details>\n'


def _leaves(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Flatten nested mappings to dotted keys; lists stay whole."""
    if not isinstance(value, dict) or not value:
        return [(prefix, value)]
    return [
        leaf
        for key, inner in value.items()
        for leaf in _leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    ]
