"""What was measured of device models, kept by their content, so that no file is measured twice."""

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.export.verify import Speed
from mgdist.job.export import Asked
from mgdist.job.point import cutting
from mgdist.job.spec import Job
from mgdist.runs import digest, versions, write
from mgdist_edge.bundle import Bundle

Answers = Mapping[str, NDArray[np.float32]]
"""Outputs (R, K) of each head for the validation split."""


@dataclass(frozen=True)
class Measured:
    """A folder of measurements on the validation split of a data set.

    Attributes:
        folder: where they are kept.
        given: digest of the examples, of how they are cut, of the host, and of the versions of everything.
    """

    folder: Path
    given: str

    @classmethod
    def of(cls, job: Asked, dataset: Dataset, folder: Path) -> "Measured":
        """Return the measurements for a job's data; the folder is made where it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        cut = cutting(job) if isinstance(job, Job) else job.data.model_dump(mode="json")
        return cls(folder, digest(dataset.digest, cut, platform.node(), versions()))

    def knows_answers(self, bundle: Bundle) -> bool:
        """Tell whether it is known what the model in a bundle answers."""
        return self._path(bundle, "npz").is_file()

    def answers(self, bundle: Bundle, measure: Callable[[], Answers]) -> Answers:
        """Return what the model in a bundle answers; measured where that is not known."""
        path = self._path(bundle, "npz")
        if not path.is_file():
            content = BytesIO()
            np.savez(content, allow_pickle=False, **measure())
            write(path, content.getvalue())
        return dict(np.load(path))

    def speed(self, bundle: Bundle, measure: Callable[[], Speed]) -> Speed:
        """Return what the model in a bundle costs; measured where that is not known."""
        path = self._path(bundle, "json")
        if not path.is_file():
            write(path, json.dumps(asdict(measure())))
        return Speed(**json.loads(path.read_text()))

    def _path(self, bundle: Bundle, ending: str) -> Path:
        return self.folder / f"{digest(bundle.manifest.parts['model'].sha256, self.given)}.{ending}"
