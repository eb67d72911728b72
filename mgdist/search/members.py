"""The weights of a search's best trials, which an ensemble is made of."""

from collections.abc import Sequence
from pathlib import Path

from mgdist.errors import SearchError
from mgdist.job.search import EnsembleSpec
from mgdist.job.spec import Job
from mgdist.search.results import Searched, Trial, ranked

MEMBERS, FEWEST = "members", 2


def weights_of(folder: Path, trial: int) -> Path:
    """Return where the weights of a trial's best epoch lie, as safetensors.

    Args:
        folder: of the search.
        trial: its number.
    """
    return folder / MEMBERS / f"trial_{trial}.safetensors"


def prune(folder: Path, trials: Sequence[Trial], job: Job, spec: EnsembleSpec) -> None:
    """Remove the weights of the trials that are over and no longer among the best.

    Args:
        folder: of the search.
        trials: all that have begun.
        job: tells what is better.
        spec: tells how many are kept.
    """
    over = [trial for trial in trials if trial.state != "running"]
    kept = _best(over, job, spec)
    for trial in over:
        if trial.number not in kept:
            weights_of(folder, trial.number).unlink(missing_ok=True)


def _best(over: Sequence[Trial], job: Job, spec: EnsembleSpec) -> set[int]:
    try:
        return {trial.number for trial in ranked(over, job).winners(spec.winners)}
    except SearchError:  # none has come to a value yet
        return set()


def members(searched: Searched, folder: Path, spec: EnsembleSpec) -> tuple[Trial, ...]:
    """Return the trials that make up the ensemble, the best first: of those whose weights lie in the folder.

    Raises:
        SearchError: fewer than two trials at different points came to an end.
    """
    kept = Searched(tuple(trial for trial in searched.trials if weights_of(folder, trial.number).is_file()))
    found = kept.winners(spec.winners)
    if len(found) < FEWEST:
        raise SearchError(
            f"search.ensemble: expected at least {FEWEST} trials at different points that came to an end; got "
            f"{len(found)} of {len(searched.trials)}; make search.trials or search.space larger"
        )
    return found
