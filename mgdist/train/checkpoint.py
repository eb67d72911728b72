"""What is written so that a training can go on, and what is left when it is done.

A checkpoint holds the engine's state (weights, optimizer, average), the epochs done and their measures, the weights of
the best one, how many steps of the next epoch are done, and each worker's random generators behind them. The schedule
and the place in the data follow from the steps. Every file is listed with its SHA-256.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors.torch import load_file, save_file
from safetensors.torch import save as serialize

from mgdist.errors import DamagedError, TrainError
from mgdist.runs import write
from mgdist.train import group
from mgdist.train.engine import Engine
from mgdist.train.events import Epoch
from mgdist.train.progress import Begun, Progress

PROGRESS, BEST, RANDOM, SUMS = "progress.json", "best.safetensors", "random-{rank}.safetensors", "sums-{rank}.json"


@dataclass(frozen=True)
class Resumed:
    """A training that goes on.

    Attributes:
        progress: how far it is.
        folder: of its checkpoint; None where there was none.
        refused: what is wrong with each newer one.
    """

    progress: Progress
    folder: Path | None = None
    refused: tuple[str, ...] = ()


def save(folder: Path, progress: Progress, engine: Engine) -> None:
    """Write a checkpoint. Every worker calls this, with a folder of its own or with the same one."""
    engine.save(folder)
    if group.rank() == 0:
        save_file(progress.weights, folder / BEST)
        write(folder / PROGRESS, json.dumps(_told(progress)))
    if progress.begun is not None:
        save_file(dict(progress.begun.random), folder / RANDOM.format(rank=group.rank()))
    group.wait()  # where they share one folder, the others' files are whole from here on
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "sums-" not in path.name)
    sums = {str(path.relative_to(folder)): sha256(path) for path in files}
    write(folder / SUMS.format(rank=group.rank()), json.dumps(sums))


def save_best(path: Path, progress: Progress, write: Callable[[Path, bytes], None]) -> None:
    """Let a file hold the weights of the best epoch; it is written where the last one is that, as a whole."""
    if progress.history[-1].best:
        write(path, serialize(progress.weights))


def _told(progress: Progress) -> dict[str, Any]:
    begun = progress.begun and {name: value for name, value in vars(progress.begun).items() if name != "random"}
    return {"history": [asdict(epoch) for epoch in progress.history], "begun": begun, "workers": group.size()}


def resume(folders: Iterable[Path], engine: Engine) -> Resumed:
    """Go on from the first of some checkpoints that is whole.

    Args:
        folders: of the checkpoints, newest first.
        engine: is brought to where it was.

    Raises:
        TrainError: there are some, and none is whole.
    """
    refused: list[str] = []
    for folder in folders:
        try:
            return Resumed(load(folder, engine), folder, tuple(refused))
        except DamagedError as error:
            refused.append(str(error))
    if refused:
        raise TrainError(f"train: none of {len(refused)} checkpoints is whole: {refused[0]}; submit with --fresh")
    return Resumed(Progress())


def load(folder: Path, engine: Engine) -> Progress:
    """Read a checkpoint back into the engine.

    Raises:
        DamagedError: a part is missing or is not what was written.
        TrainError: a part holds something else than weights, such as code, and is not read.
    """
    _check(folder)
    try:
        engine.load(folder)
    except UnpicklingError as error:
        raise TrainError(
            f"{folder}: expected weights and plain values; found something else, which is not read; see who can write "
            "there, then submit with --fresh"
        ) from error
    return read(folder)


def read(folder: Path) -> Progress:
    """Read how far a checkpoint is, and its best weights."""
    told = json.loads((folder / PROGRESS).read_text())
    epochs = (Epoch(**{**epoch, "losses": tuple(epoch["losses"])}) for epoch in told["history"])
    return Progress(tuple(epochs), load_file(folder / BEST), told["begun"] and _begun(folder, told))


def _begun(folder: Path, told: dict[str, Any]) -> Begun:
    random = folder / RANDOM.format(rank=group.rank())
    known = told["workers"] == group.size() and random.is_file()
    given = {**told["begun"], "losses": tuple(told["begun"]["losses"])}
    return Begun(**given, random=load_file(random) if known else {})


def is_whole(folder: Path) -> bool:
    """Tell whether all files of a checkpoint are what was written; for one process alone."""
    return not _wrong(folder)


def _check(folder: Path) -> None:
    """Look at every file of a checkpoint; the workers share that, and all come to know."""
    told = group.said(_wrong(folder))
    if told:
        raise DamagedError(told[0])


def _wrong(folder: Path) -> str:
    """Return what is wrong with this worker's share of the files; nothing where they are whole."""
    try:
        workers = json.loads((folder / PROGRESS).read_text())["workers"]
        lists = [folder / SUMS.format(rank=rank) for rank in range(group.rank(), workers, group.size())]
        sums = {folder / name: sum for path in lists for name, sum in json.loads(path.read_text()).items()}
        damaged = [path for path, expected in sums.items() if sha256(path) != expected]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{folder}: is not whole: {' '.join(str(error).split())}"
    return f"{damaged[0]}: is damaged: not what was written" if damaged else ""


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
