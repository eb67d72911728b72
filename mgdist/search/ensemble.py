"""The stage that makes an ensemble of a search's winners, and measures it.

Legend: M members, R rows of a split, K outputs of a head.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mgdist.data.dataset import TAUGHT, Dataset
from mgdist.evaluate.combine import Numbers, Way, learn, out_of_fold, ways, weights
from mgdist.evaluate.network import answers, restore
from mgdist.evaluate.scores import Heads, as_json, from_json, quality, score
from mgdist.job.point import Point, at_point
from mgdist.job.spec import Job
from mgdist.runs import digest, write
from mgdist.search.members import members, weights_of
from mgdist.search.results import Searched, Trial
from mgdist.train.checkpoint import sha256

ENSEMBLE, SPLITS = "ensemble.json", ("train", "valid", "test")


@dataclass(frozen=True)
class Member:
    """One network of an ensemble.

    Attributes:
        trial: its number.
        point: where the trial stood.
        sha256: of its weights.
        valid: scores on the validation split.
        test: the same on the test split.
    """

    trial: int
    point: Point
    sha256: str
    valid: Heads
    test: Heads


@dataclass(frozen=True)
class Ensemble:
    """An ensemble, measured.

    Attributes:
        folder: of its answers for the training rows.
        members: the best first.
        combine: the way that is the ensemble for whoever learns from it.
        combined: scores on (validation, test) of each way that makes sense for all heads; on the validation split of
            what was learned from its other folds.
        weights: by head, how much each member counts in the weighted way.
    """

    folder: Path
    members: tuple[Member, ...]
    combine: Way
    combined: Mapping[Way, tuple[Heads, Heads]]
    weights: Mapping[str, tuple[float, ...]]

    @property
    def sha256(self) -> str:
        """Return what identifies its members' weights and how they are combined."""
        return digest([member.sha256 for member in self.members], self.combine)

    @property
    def rows(self) -> dict[str, tuple[Heads, Heads]]:
        """Return the scores on (validation, test) of each member and of each way, by what they are called."""
        count = len(self.members)
        alone = {f"trial {member.trial}": (member.valid, member.test) for member in self.members}
        return alone | {f"{way} of {count}": scores for way, scores in self.combined.items()}

    @property
    def qualities(self) -> dict[str, float]:
        """Return the quality on the validation split of each member and of each way."""
        return {name: quality(valid) for name, (valid, _) in self.rows.items()}

    @classmethod
    def open(cls, folder: Path) -> "Ensemble":
        """Read what :func:`ensemble` left."""
        told = json.loads((folder / ENSEMBLE).read_text())
        found = [
            Member(each["trial"], each["point"], each["sha256"], from_json(each["valid"]), from_json(each["test"]))
            for each in told["members"]
        ]
        combined = {way: (from_json(valid), from_json(test)) for way, (valid, test) in told["combined"].items()}
        shares = {name: tuple(each) for name, each in told["weights"].items()}
        return cls(folder, tuple(found), told["combine"], combined, shares)


def ensemble(job: Job, dataset: Dataset, searched: Searched, found: Path, folder: Path) -> None:
    """Let the winners of a search answer for all splits, combine their answers in each way, and measure them.

    Leaves in the folder the answers of the way that the job asks for, ``taught.HEAD.npy`` for the training rows and
    ``valid.npz`` and ``test.npz``, and ``ensemble.json`` last. On the validation split, a way that learns from it
    answers for each fold with what it learned from the others; on the others, with what it learned from all of it.

    Args:
        job: with an ensemble in its search.
        dataset: that was searched on.
        searched: the trials.
        found: folder of the search.
        folder: of this stage.

    Raises:
        SearchError: fewer than two trials at different points came to an end.
    """
    assert job.search is not None, "there was a search"
    spec = job.search.ensemble
    assert spec is not None, "the job asks for an ensemble"
    trials = members(searched, found, spec)
    outputs = _answers(job, dataset, trials, found)
    combined = {}
    for way in ways(dataset.tasks):
        answered = _combined(way, dataset, outputs, job.seed)
        combined[way] = {
            split: score(dataset.tasks, answered[split], getattr(dataset, split).targets) for split in SPLITS[1:]
        }
        if way == spec.combine:
            _save(folder, answered)
    told = {
        "members": [_told(dataset, trial, place, outputs, found) for place, trial in enumerate(trials)],
        "combine": spec.combine,
        "combined": {way: [as_json(scores[split]) for split in SPLITS[1:]] for way, scores in combined.items()},
        "weights": {
            name: weights(task, outputs["valid"][name], dataset.valid.targets[name]).tolist()
            for name, task in dataset.tasks.items()
        },
    }
    write(folder / ENSEMBLE, json.dumps(told, indent=1))


Splits = Mapping[str, Mapping[str, Numbers]]
"""By split, and there by head: the members' outputs (M, R, K), or those of the ensemble (R, K)."""


def _answers(job: Job, dataset: Dataset, trials: Sequence[Trial], found: Path) -> Splits:
    networks = [restore(at_point(job, trial.point), dataset, weights_of(found, trial.number)) for trial in trials]
    outputs = {}
    for split in SPLITS:
        each = [answers(network, dataset.tasks, getattr(dataset, split)) for network in networks]
        outputs[split] = {name: np.stack([one[name] for one in each]) for name in dataset.tasks}
    return outputs


def _combined(way: Way, dataset: Dataset, outputs: Splits, seed: int) -> Splits:
    found: dict[str, dict[str, Numbers]] = {split: {} for split in SPLITS}
    for name, task in dataset.tasks.items():
        known, targets = outputs["valid"][name], dataset.valid.targets[name]
        answer = learn(way, task, known, targets)
        found["valid"][name] = out_of_fold(way, task, known, targets, seed)
        for split in ("train", "test"):
            found[split][name] = answer(outputs[split][name])
    return found


def _save(folder: Path, answered: Splits) -> None:
    for name, values in answered["train"].items():
        np.save(folder / TAUGHT.format(name=name), values.astype(np.float32), allow_pickle=False)
    for split in SPLITS[1:]:
        np.savez(folder / f"{split}.npz", allow_pickle=False, **answered[split])


def _told(dataset: Dataset, trial: Trial, place: int, outputs: Splits, found: Path) -> dict[str, object]:
    scores = {}
    for split in SPLITS[1:]:
        mine = {name: each[place] for name, each in outputs[split].items()}
        scores[split] = as_json(score(dataset.tasks, mine, getattr(dataset, split).targets))
    about = {"trial": trial.number, "point": dict(trial.point), "sha256": sha256(weights_of(found, trial.number))}
    return {**about, **scores}
