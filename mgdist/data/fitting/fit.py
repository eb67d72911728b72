"""The inputs of a job, fitted to the training split."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never, cast

import numpy as np
from numpy.typing import NDArray

from mgdist.data.fitting.audio import fit_audio
from mgdist.data.fitting.image import fit_image
from mgdist.data.fitting.series import fit_series
from mgdist.data.fitting.table import fit_table
from mgdist.data.fitting.text import fit_text
from mgdist.job.audio import AudioSpec
from mgdist.job.data import InputSpec
from mgdist.job.image import ImageSpec
from mgdist.job.series import SeriesSpec
from mgdist.job.spec import Job
from mgdist.job.table import TableSpec
from mgdist.job.text import TextSpec
from mgdist_edge.inputs import Input
from mgdist_edge.raws import Raw


def fit(job: Job, raws: Mapping[str, Sequence[Raw]], targets: NDArray[Any]) -> dict[str, Input]:
    """Return each input with the numbers that turn raw into views.

    Args:
        job: tells the inputs and their granularities.
        raws: of the training split only, by input.
        targets: of the first head, encoded, for what is selected by what it tells of them.

    Raises:
        DataError: nothing can be fitted to them.
    """
    return {name: _fit(spec, job, name, raws[name], targets) for name, spec in job.inputs.items()}


def _fit(spec: InputSpec, job: Job, name: str, raws: Sequence[Raw], targets: NDArray[Any]) -> Input:
    levels = job.windows_of(name)
    match spec:
        case TextSpec():
            return fit_text(cast(Sequence[str], raws), spec, levels, job.model.embedding.ngrams)
        case ImageSpec():
            return fit_image(raws, spec, levels)
        case SeriesSpec():
            return fit_series(raws, spec, levels)
        case AudioSpec():
            return fit_audio(cast(Sequence[NDArray[np.float32]], raws), spec, levels)
        case TableSpec():
            rows = cast(Sequence[Mapping[str, object]], raws)
            columns = {column: [row[column] for row in rows] for column in rows[0]}
            return fit_table(columns, spec, levels, targets=targets, seed=job.seed)
        case _ as never:
            assert_never(never)
