"""HyperQueue: processes that do nothing (`true`) on two cores. Prints one JSON line."""

import json
import os
import sys
import tempfile
import time

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig


def submit(client: object, count: int) -> None:
    job = Job()
    for _ in range(count):
        job.program(["true"], stdout=None, stderr=None)  # it would write two files a task
    client.wait_for_jobs([client.submit(job)])


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, LocalCluster() as cluster:
        os.chdir(folder)
        cluster.start_worker(WorkerConfig(cores=2))
        client = cluster.client()
        submit(client, 50)
        begin = time.perf_counter()
        submit(client, count)
        seconds = time.perf_counter() - begin
    print(json.dumps({"trials": count, "seconds": seconds}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
