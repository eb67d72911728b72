"""One small data set for all tests of training."""

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from tests.train.corpus import dataset


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    """Return a job of a few seconds, and its prepared data."""
    return dataset(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors gain nothing from a second thread, and tests share their cores."""
    torch.set_num_threads(1)
