"""From one long series to the windows of the splits, in the order of time.

Legend: L rows of the table, C channels.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mgdist.data.long import time_of
from mgdist.data.sources.examples import Given
from mgdist.data.windows import Windows, split_windows
from mgdist.errors import DataError
from mgdist.job.series import SeriesSpec
from mgdist.job.spec import Job
from mgdist.job.task import ForecastSpec
from mgdist_edge.errors import InputError
from mgdist_edge.readings import readings
from mgdist_edge.series import SeriesInput
from mgdist_edge.tasks import Forecast

Cells = Mapping[str, object]


def windows_of(given: Given, job: Job) -> dict[str, Windows]:
    """Return the windows of each split of a job that forecasts.

    What the source lacks is held out of the end of the training rows, never drawn: what is later is foretold.

    Raises:
        DataError: rows are not in the order of time, one lacks between two, a reading is missing or no number, or a
            split is too short for a window.
    """
    (name, spec), task = next(iter(job.inputs.items())), job.task
    assert isinstance(spec, SeriesSpec), "checked by conflicts"
    assert isinstance(task, ForecastSpec), "checked by conflicts"
    assert spec.length is not None, "checked by conflicts"
    parts = [part for part in (given.train, given.valid, given.test) if part is not None]
    rows = [cast(Cells, row) for part in parts for row in part.raws[name]]
    require_even(rows, spec)
    try:
        table = readings({column: [row[column] for row in rows] for column in spec.columns}, spec.columns, spec.missing)
    except InputError as error:
        raise DataError(f"data.input: {error} (counted over all splits)") from None
    found = split_windows(
        table, sizes=_sizes(given, job), lookback=spec.length, horizon=task.horizon, stride=task.stride
    )
    return dict(zip(("train", "valid", "test"), found, strict=True))


def task_of(job: Job, fitted: SeriesInput) -> Forecast:
    """Return what the head answers."""
    task = job.task
    assert isinstance(task, ForecastSpec), "checked by conflicts"
    return Forecast(
        fitted.columns, task.horizon, task.quantiles or (), fitted.centre, fitted.spread, apart=fitted.apart
    )


def require_even(rows: Sequence[Cells], spec: SeriesSpec) -> None:
    """Refuse rows that do not follow each other at one distance in time.

    Raises:
        DataError: says which row, and what is there.
    """
    if spec.time is None or len(rows) < 2:
        return
    times = np.array([time_of(row[spec.time], spec.time, f"row {place}") for place, row in enumerate(rows)])
    steps = np.diff(times)
    usual = float(np.median(steps))
    if (back := np.flatnonzero(steps <= 0)).size:
        raise DataError(f"{_between(rows, spec.time, int(back[0]))}: expected a later time; sort the rows by it")
    if (uneven := np.flatnonzero(np.abs(steps - usual) > 0.01 * usual)).size:
        place = int(uneven[0])
        times_longer = f"{steps[place] / usual:.3g} times as long, the first of {len(uneven)}"
        raise DataError(
            f"{_between(rows, spec.time, place)}: expected steps as the others have; got one {times_longer}; "
            "put in the rows that lack, empty ones with data.input.missing: previous, or leave out those too many"
        )


def _between(rows: Sequence[Cells], time: str, place: int) -> str:
    return f"data.input.time: row {place + 1} after {rows[place][time]} has {rows[place + 1][time]}"


def _sizes(given: Given, job: Job) -> tuple[int, int, int]:
    """Return the rows of each split; what the source lacks is the end of train."""
    rows, share = len(given.train), job.data.split
    valid = round(share.valid * rows) if given.valid is None else len(given.valid)
    test = round(share.test * rows) if given.test is None else len(given.test)
    train = rows - (valid if given.valid is None else 0) - (test if given.test is None else 0)
    if given.valid is not None and given.test is None:
        raise DataError("data.source.test: expected a file, since valid has one and time goes on; give both or neither")
    return train, valid, test


def tables_json(windows: Mapping[str, Windows]) -> list[object]:
    """Return what decides the windows, for a digest."""
    return [[name, each.lookback, each.horizon, each.stride, _told(each.table)] for name, each in windows.items()]


def _told(table: NDArray[np.float32]) -> str:
    return table.astype("<f4").tobytes().hex()
