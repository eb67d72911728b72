"""A driver that a test can kill: ``python -m tests.search.driver FOLDER`` searches for the job in FOLDER."""

import pickle
import sys
from pathlib import Path

from mgdist.cluster.connect import Connection

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    job = pickle.loads((folder / "job.pickle").read_bytes())
    with Connection(cpus=2) as connection:
        connection.wait()
        from mgdist.search.tune import search

        search(job, folder / "data", folder / "search")
