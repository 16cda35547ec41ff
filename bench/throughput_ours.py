"""One campaign of no-op trials; prints its figures as one JSON line. Used by throughput.py."""

from __future__ import annotations

import json
import os
import resource
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
    from candle_workflow.store import Store

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
    campaign.publish = lambda *_: None  # the index is timed by itself, below
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
    begin = time.perf_counter()
    with Store(None) as store:
        store.sync(find_campaign("noop"))
    index_s = time.perf_counter() - begin
    ran_s = ends[-1] - asked[0]
    figures = {
        "trials": count,
        "trials_per_s": count / (ran_s + index_s),
        "ran_s": ran_s,
        "index_s": index_s,
        "first_tenth_per_s": tenth / (ends[tenth - 1] - asked[0]),
        "last_tenth_per_s": tenth / (ends[-1] - ends[-tenth]),
        "controller_memory_mb": memory_mb,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
