"""A controller for the kill tests: says each result that it holds for acknowledged."""

import os
import sys

import candle_workflow as cw
from candle_workflow import campaign


def main(root: str, launcher: str, trials: int) -> None:
    spec = cw.load(
        {
            "name": "killed",
            "trainer": {"function": f"{root}/train.py:train"},
            "space": {"x": {"low": 0.0, "high": 1.0}},
            "objective": {"metric": "value", "mode": "min"},
            "planner": {"name": "random", "trials": trials, "seed": 1},
            "launcher": {"name": launcher},
            "retries": {"lost": 1000},
        }
    )
    told = 0

    def tell(held: object) -> None:
        os.write(1, b"begun\n")

    def say(progress: campaign.Progress) -> None:
        nonlocal told
        if progress.finished != told:
            told = progress.finished
            os.write(1, b"%d\n" % told)

    campaign.publish = lambda *_: None
    result = campaign.run(spec, on_begin=tell, on_change=say)
    os.write(1, f"{result.status}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
