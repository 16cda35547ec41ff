"""One campaign of no-op trials; prints its figures as one JSON line. Used by throughput.py."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def main(folder: str, count: int, isolation: str) -> None:
    root = Path(folder)
    os.environ["CANDLE_CAMPAIGNS"] = str(root / "campaigns")
    os.environ["CANDLE_STORE"] = str(root / "store.db")
    import candle_workflow as cw
    from candle_workflow import campaign
    from candle_workflow.folder import find_campaign
    from candle_workflow.journal import read

    spec = cw.load(
        {
            "name": "noop",
            "trainer": {"function": f"{root}/train.py:train"},
            "space": {"x": {"low": 0.0, "high": 1.0}},
            "objective": {"metric": "value", "mode": "min"},
            "planner": {"name": "random", "trials": count, "seed": 1},
            "launcher": {"name": "ray", "isolation": isolation},
        }
    )
    campaign.publish = lambda *_: None  # no report: the viewer below does the index
    viewer = subprocess.Popen(
        [sys.executable, __file__, "view", str(count)], stdout=subprocess.PIPE, text=True
    )
    result = campaign.run(spec)
    assert result.counts["complete"] == count, result
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    asked, ends = [], []
    for record in read(find_campaign("noop").journal).records:
        if record["k"] == "asked":
            asked.append(record["t"])
        elif record["k"] == "ended":
            ends.append(record["t"])
    tenth = max(1, count // 10)
    queryable = float(viewer.communicate()[0])
    ran_s = ends[-1] - asked[0]
    total_s = queryable - asked[0]
    figures = {
        "trials": count,
        "trials_per_s": count / total_s,
        "ran_s": ran_s,
        "indexed_after_s": total_s - ran_s,
        "first_tenth_per_s": tenth / (ends[tenth - 1] - asked[0]),
        "last_tenth_per_s": tenth / (ends[-1] - ends[-tenth]),
        "controller_memory_mb": memory_mb,
    }
    print(json.dumps(figures))


def view(count: int) -> None:
    """Keep the index up to date, as `watch` does; print when all results can be queried."""
    from candle_workflow.errors import ConfigError
    from candle_workflow.folder import find_campaign
    from candle_workflow.model import State
    from candle_workflow.store import Store

    with Store(None) as store:
        while True:
            time.sleep(0.25)
            try:
                folder = find_campaign("noop")
                store.sync(folder)
                row = store.campaign(folder.path)
            except ConfigError:
                continue  # it has not begun
            if row.counts.get(State.COMPLETE) == count and store.trials(row, best=10):
                print(time.time())
                return


if __name__ == "__main__":
    if sys.argv[1] == "view":
        view(int(sys.argv[2]))
    else:
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
