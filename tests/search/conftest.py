"""One small data set for all tests of the search."""

import pytest

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from tests.train.corpus import dataset


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    """Return a job of a few seconds, and its prepared data."""
    return dataset(tmp_path_factory.mktemp("small"))
