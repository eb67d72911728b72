"""The course of a training: what was changed of it because of what happened, so that it can go on."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mgdist.errors import TrainError
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.runs import write

Failure = Literal["diverged", "memory", "storage", "lost"]
"""The loss was no number; memory did not suffice; files could not be written or read; or a worker is gone."""
FILE = "course.json"
SLOWER = 0.5
"""What is left of the learning rate after a loss that was no number."""
TRIES: dict[Failure, int] = {"diverged": 3, "memory": 8, "storage": 12, "lost": 2}
"""How often a training begins anew from its last checkpoint, without getting further, before it ends."""
WAITS = 10.0
"""Seconds until storage that is away is asked for again."""


@dataclass(frozen=True)
class Course:
    """What a training is given beside its job.

    Attributes:
        slower: factor of the learning rate.
        accumulate: forward passes of one step; 0: as the job asks.
        engine: who steps, where the job leaves it open.
        refused: checkpoints that led to a loss that was no number.
        newest: checkpoint that there was at the last failure.
        failed: failures since then, one after another.
    """

    slower: float = 1.0
    accumulate: int = 0
    engine: dict[str, Any] | None = None
    refused: tuple[str, ...] = ()
    newest: str = ""
    failed: tuple[Failure, ...] = ()

    @classmethod
    def open(cls, folder: Path) -> "Course":
        """Read the course of a training that was begun; a new one where there is none."""
        path = folder / FILE
        if not path.is_file():
            return cls()
        fields: dict[str, Any] = json.loads(path.read_text())
        return cls(**fields | {name: tuple(fields[name]) for name in ("refused", "failed")})

    def save(self, folder: Path) -> None:
        """Write it where :meth:`open` finds it; storage that is away, or full, is waited for.

        Raises:
            OSError: it stays so for too long.
        """
        for left in reversed(range(TRIES["storage"] + 1)):
            try:
                write(folder / FILE, json.dumps(asdict(self)))
                return
            except OSError:
                if not left:
                    raise
                time.sleep(WAITS)

    def of(self, job: Job) -> Job:
        """Return the job as it is trained on this course."""
        point: dict[str, Any] = {} if self.slower == 1 else {"train.lr": job.train.lr * self.slower}
        point |= {"train.accumulate": self.accumulate} if self.accumulate else {}
        point |= {"train.engine": self.engine} if self.engine else {}
        return at_point(job, point) if point else job

    def after(self, failure: Failure, said: str, checkpoints: Sequence[str], job: Job) -> tuple["Course", str]:
        """Return how a training goes on after a failure, and that for people.

        Args:
            failure: its kind.
            said: what was said of it.
            checkpoints: those that are whole, newest first; their names rise with time.
            job: as it was trained.

        Raises:
            TrainError: it has failed too often without getting further, or nothing is left to change.
        """
        usable = [name for name in checkpoints if name not in self.refused]
        newest = max(checkpoints, default="")
        stands = newest <= self.newest and bool(self.failed)
        failed = (*self.failed, failure) if stands else (failure,)
        course = replace(self, newest=newest, failed=failed)
        if failed.count(failure) > TRIES[failure]:
            raise TrainError(_ended(failure, said))
        match failure:
            case "diverged":
                return course._rewound(said, stands, usable)
            case "memory":
                return course._smaller(said, job)
            case "storage":
                return course, f"{said}; it is tried again in {WAITS:g} s"
            case "lost":
                return course, f"a worker is gone ({said}); training goes on from the last checkpoint"

    def _rewound(self, said: str, stands: bool, usable: Sequence[str]) -> tuple["Course", str]:
        """Go back to the last checkpoint, and where that was tried to the one before it, with a lower rate."""
        refused = (*self.refused, usable[0]) if stands and usable else self.refused
        slower = self.slower * SLOWER
        left = [name for name in usable if name not in refused]
        where = f"checkpoint {left[0]}" if left else "its beginning (no earlier checkpoint is left)"
        told = f"{said}; training goes back to {where} with {slower:g} of the learning rate"
        return replace(self, slower=slower, refused=refused), told

    def _smaller(self, said: str, job: Job) -> tuple["Course", str]:
        """Compute a batch in more, smaller parts; the steps stay those of the whole batch."""
        train = job.train
        share = train.batch_size // train.most_workers
        more = [count for count in range(train.accumulate + 1, share + 1) if share % count == 0]
        wanted = [count for count in more if count >= 2 * train.accumulate] or more[-1:]
        if not wanted:
            raise TrainError(
                f"train: out of memory with one example at a time ({said}); make the model or its units smaller, or "
                "use train.activation_checkpointing, or train.engine deepspeed with more workers or offload"
            )
        told = (
            f"out of memory ({said}); a step of {train.batch_size} examples is now computed in {wanted[0]} parts in "
            f"place of {train.accumulate}, and training goes on from the last checkpoint"
        )
        return replace(self, accumulate=wanted[0]), told


def _ended(failure: Failure, said: str) -> str:
    tries = TRIES[failure]
    match failure:
        case "diverged":
            return f"{said}; with {SLOWER**tries:g} of the rate it was no better after going back {tries} times"
        case "memory":
            return f"train: out of memory, after {tries} times with smaller parts: {said}"
        case "storage":
            return f"train: the storage was away {tries + 1} times in a row, last with {said}"
        case "lost":
            return f"train: failed {tries + 1} times without getting further, last with {said}"
