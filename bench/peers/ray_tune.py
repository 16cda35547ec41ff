"""Ray Tune: no-op trials of a class trainable with reuse_actors=True. Prints one JSON line."""

import json
import os
import sys
import tempfile
import time

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray import tune


class NoOp(tune.Trainable):
    def step(self) -> dict:
        return {"value": self.config["x"], "done": True}

    def reset_config(self, new_config: dict) -> bool:
        self.config = new_config
        return True

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        return None

    def load_checkpoint(self, checkpoint: object) -> None:
        return None


def main(count: int) -> None:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            NoOp,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(
                num_samples=count, reuse_actors=True, metric="value", mode="min"
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        begin = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - begin
        assert len(results) == count
    print(json.dumps({"trials": count, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
