"""A driver that a test can kill: ``python -m tests.train.driver FOLDER`` trains the job in FOLDER."""

import pickle
import sys
from pathlib import Path

from mgdist.cluster.connect import Connection

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    job = pickle.loads((folder / "job.pickle").read_bytes())
    with Connection(cpus=2, dashboard=False) as connection:
        connection.wait()
        from mgdist.train.launch import train

        train(job, folder / "data", folder / "train")
