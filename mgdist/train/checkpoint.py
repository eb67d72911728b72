"""What is written so that a training can go on, and what is left when it is done.

No state of a random generator is kept: every epoch draws its own seed, and a checkpoint stands between epochs.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors.torch import load_file, save_file
from safetensors.torch import save as serialize

from mgdist.errors import TrainError
from mgdist.runs import write
from mgdist.train import group
from mgdist.train.engine import Engine, Weights
from mgdist.train.events import Epoch

PROGRESS, BEST, SUMS = "progress.json", "best.safetensors", "sums-{rank}.json"


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes:
        history: the epochs done, of all phases.
        weights: those of the best epoch, without auxiliary heads; empty before the first.
    """

    history: tuple[Epoch, ...] = ()
    weights: Weights = field(default_factory=dict, repr=False)

    @property
    def best(self) -> Epoch:
        """The epoch that the weights are from: the best one of the last phase begun."""
        return next(epoch for epoch in reversed(self.history) if epoch.best)

    @property
    def stale(self) -> int:
        """Epochs since the best one."""
        return len(self.history) - self.best.epoch if self.history else 0


def save(folder: Path, progress: Progress, engine: Engine) -> None:
    """Write a checkpoint. Every worker calls this, with a folder of its own or with the same one."""
    engine.save(folder)
    if group.rank() == 0:
        save_file(progress.weights, folder / BEST)
        write(folder / PROGRESS, json.dumps([asdict(epoch) for epoch in progress.history]))
    group.wait()  # where they share one folder, the others' files are whole from here on
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "sums-" not in path.name)
    sums = {str(path.relative_to(folder)): sha256(path) for path in files}
    write(folder / SUMS.format(rank=group.rank()), json.dumps(sums))


def save_best(path: Path, progress: Progress) -> None:
    """Let a file hold the weights of the best epoch; it is written where the last one is that, as a whole."""
    if progress.history[-1].best:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, serialize(progress.weights))


def load(folder: Path, engine: Engine) -> Progress:
    """Read a checkpoint of as many workers back into the engine.

    Raises:
        TrainError: a part is missing or is not what was written.
    """
    _check(folder)
    engine.load(folder)
    return read(folder)


def read(folder: Path) -> Progress:
    """Read how far a checkpoint is, and its best weights."""
    history = json.loads((folder / PROGRESS).read_text())
    epochs = (Epoch(**{**epoch, "losses": tuple(epoch["losses"])}) for epoch in history)
    return Progress(tuple(epochs), load_file(folder / BEST))


def _check(folder: Path) -> None:
    lists = sorted(folder.glob("sums-*.json"))
    if len(lists) != group.size():
        raise TrainError(
            f"{folder}: expected the checkpoint of {group.size()} workers; found {len(lists)} parts; "
            "submit with the same train.workers, or with --fresh"
        )
    for path in lists:
        for name, expected in json.loads(path.read_text()).items():
            file = folder / name
            if not file.is_file() or sha256(file) != expected:
                raise TrainError(f"{file}: is damaged: not what was written; submit with --fresh")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
