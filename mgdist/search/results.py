"""What a search found."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Literal

from mgdist.errors import SearchError
from mgdist.job.point import Point
from mgdist.job.spec import Job
from mgdist.runs import digest, write

SEARCHED = "search.json"
ENDED = ("done", "stopped")
"""States of a trial that came to an end."""


@dataclass(frozen=True)
class Trial:
    """The job at one point, and how good it became.

    Attributes:
        number: from 1, in the order of starting.
        point: the fields that were replaced.
        state: stopped means that ASHA ended it before its last epoch.
        value: the metric of its best epoch; None before the first. With search.objective deployed the quality of what
            would ship, and None before its end, to which one that ASHA ended does not come.
        epoch: epochs done.
        seconds: since its start.
        error: why it failed, in one line.
        network: with search.objective deployed the metric of its best epoch.
        ships: the format of what would ship, there.
        size: its bytes.
    """

    number: int
    point: Point
    state: Literal["running", "stopped", "done", "failed"] = "running"
    value: float | None = None
    epoch: int = 0
    seconds: float = 0.0
    error: str | None = None
    network: float | None = None
    ships: str | None = None
    size: int | None = None

    def counts(self) -> bool:
        """Tell whether it came to an end, and to a value."""
        return self.state in ENDED and self.value is not None


@dataclass(frozen=True)
class Refused:
    """A point that was not trained, since its untrained network breaks the device's limits.

    Attributes:
        number: from 1, in the order of refusing.
        point: the fields that were replaced.
        why: what it breaks, in one line.
        seconds: that it took to find out; next to none for a shape that was known.
    """

    number: int
    point: Point
    why: str
    seconds: float


@dataclass(frozen=True)
class Searched:
    """A finished search.

    Attributes:
        trials: the best first, those that failed last.
        refused: points that were not trained.
        looking: seconds that it took to look at all points before they were trained, or refused.
    """

    trials: tuple[Trial, ...]
    refused: tuple[Refused, ...] = ()
    looking: float = 0.0

    @property
    def point(self) -> Point:
        """The best one; the job at it is what is trained in the end."""
        return self.trials[0].point

    @property
    def value(self) -> float | None:
        """The metric at the best point."""
        return self.trials[0].value

    def winners(self, count: int) -> tuple[Trial, ...]:
        """Return the best trials at different points, the best first: ``count`` of them, or as many as there are."""
        best: dict[str, Trial] = {}
        for trial in filter(Trial.counts, self.trials):
            best.setdefault(digest(dict(trial.point)), trial)
        return tuple(best.values())[:count]

    @property
    def trial_seconds(self) -> float:
        """How long a trial that came to a value took, on average; 0 where there is none."""
        return fmean([trial.seconds for trial in self.trials if trial.counts()] or [0.0])

    def save(self, folder: Path) -> None:
        """Write ``search.json``, as a whole."""
        write(folder / SEARCHED, json.dumps(asdict(self), indent=1))

    @classmethod
    def open(cls, folder: Path) -> "Searched":
        """Read what :meth:`save` wrote."""
        told = json.loads((folder / SEARCHED).read_text())
        trials = tuple(Trial(**each) for each in told["trials"])
        refused = tuple(Refused(**each) for each in told["refused"])
        return cls(trials, refused, told["looking"])


def read(path: Path) -> list[Trial]:
    """Return the trials of a search from its ``metrics.jsonl``."""
    found: dict[int, Trial] = {}
    for event in _events(path, "trial"):
        found[event["trial"]] = Trial(
            number=event["trial"],
            point=event["point"],
            state=event["state"],
            value=event["metric"],
            epoch=event["epoch"],
            seconds=event["seconds"],
            error=event["error"],
            network=event.get("network"),
            ships=event.get("ships"),
            size=event.get("size"),
        )
    return list(found.values())


def read_refused(path: Path) -> tuple[list[Refused], float]:
    """Return the points that were not trained, and the seconds of looking at all points, from ``metrics.jsonl``."""
    # One that was refused in the last second before a kill is refused again, with the same number.
    found = {event.pop("number"): event for event in _events(path, "refused")}
    refused = [Refused(number, each["point"], each["why"], each["seconds"]) for number, each in found.items()]
    looking = [each.seconds for each in refused] + [event["seconds"] for event in _events(path, "accepted")]
    return refused, math.fsum(looking)


def _events(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    told = map(json.loads, path.read_text().splitlines() if path.is_file() else [])
    return (event for event in told if event["event"] == kind)


def ranked(trials: Iterable[Trial], job: Job, refused: Sequence[Refused] = (), looking: float = 0.0) -> Searched:
    """Put the trials into order.

    Raises:
        SearchError: there is none that came to a value.
    """
    sign = 1 if job.train.less_is_better and not job.searches_deployed else -1
    trials = list(trials)
    good = list(filter(Trial.counts, trials))
    failed = [trial for trial in trials if trial not in good]
    if not trials and refused:
        raise SearchError(
            f"search: none of {len(refused)} points keeps the device's limits, the last: {refused[-1].why}; "
            "narrow search.space, or raise the limits of device"
        )
    if not good:
        timed = job.search is not None and job.search.time is not None
        nothing = "search.time was over before" if timed else "Ray says nothing"
        said = next((trial.error for trial in trials if trial.error), nothing)
        raise SearchError(
            f"search: no trial of {len(trials)} came to an end, because: {said}; "
            "narrow search.space, or try the job with search: null"
        )
    best = sorted(good, key=lambda trial: (sign * (trial.value or 0.0), trial.number))
    return Searched((*best, *failed), tuple(refused), looking)


def trained_at(job: Job, searched: Searched) -> Point:
    """Return the point at which a job is trained in the end: the best one.

    Where the winners become its teacher, it is the student as it is written: at no point at all.
    """
    distil = job.train.distil
    return {} if distil is not None and distil.of_ensemble else searched.point
