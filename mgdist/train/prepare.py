"""From a job and its data to a training that is ready to begin."""

import copy

import torch

from mgdist.data.dataset import Dataset
from mgdist.data.fit import Seen
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.train import group
from mgdist.train.engine import engine
from mgdist.train.events import Listener, nobody
from mgdist.train.loop import Training


def prepare(job: Job, dataset: Dataset, listen: Listener = nobody) -> Training:
    """Build the network of a job, with weights that follow from its seed, and put it into its engine."""
    torch.manual_seed(job.seed)
    seen = Seen(dataset.seen, len(dataset.train))
    network = build(job, rows=dataset.input.rows, classes=len(dataset.labels), seen=seen)
    # A copy to measure with: ZeRO takes the one in the engine apart, and asks all workers for each forward pass.
    twin = copy.deepcopy(network).to(group.device())
    return Training(job, dataset, engine(network, job.train, group.device()), twin, listen)
