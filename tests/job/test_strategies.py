"""Strategies and regularisation that a job cannot have, told in one line each."""

from pathlib import Path
from typing import Any

import pytest

from mgdist.job.plan import plan
from mgdist.job.point import as_document, checked
from mgdist.job.spec import Job
from tests.train.corpus import job


def looked_at(**point: Any) -> tuple[Job | None, list[str]]:
    """Return the job of the corpus with other values at ``train__lr`` and the like, and what is wrong with it."""
    document = as_document(job(Path("corpus.jsonl")))
    for path, value in point.items():
        inner = document
        *above, last = path.split("__")
        for name in above:
            inner = inner[name]
        inner[last] = value
    made, mistakes = checked(document)
    return made, [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def messages(**point: Any) -> list[str]:
    return looked_at(**point)[1]


GROW = "train.strategy.steps.0"


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (
            {"train__strategy": {"kind": "staged", "order": ["word", "page"]}},
            "train.strategy.order: expected granularities of the job, word, sentence; got page",
        ),
        (
            {"train__strategy": {"kind": "staged", "order": ["word", "word"]}},
            "train.strategy.order: expected each granularity once; got word, word",
        ),
        (
            {"train__strategy": {"kind": "staged", "epochs": {"page": 2}}},
            "train.strategy.epochs: expected granularities of the job, word, sentence; got page",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{}]}},
            f"{GROW}: expected units, scale, layers or width, of which there is less; got none of them",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"units": {"sentence": 1}}]}},
            f"{GROW}.units.sentence: expected the first granularity of a text, an audio or a series of differing "
            "length; leave it out",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"scale": {"word": 2}}]}},
            f"{GROW}.scale.word: expected a raw view of an image, or of a series of one length; leave it out",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"layers": {"word": 1}}]}},
            f"{GROW}.layers.word: expected a transformer or an mlp; got conv",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"width": {"word": 0.5}}]}},
            f"{GROW}.width.word: expected a transformer, or an mlp of several layers; got conv",
        ),
        (
            {
                "train__strategy": {"kind": "grow", "steps": [{"width": {"word": 0.5}}]},
                "granularities__word__encoder": {"kind": "mlp", "layers": 1},
            },
            f"{GROW}.width.word: expected a transformer, or an mlp of several layers; got an mlp of one layer",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"width": {"page": 0.5}}]}},
            f"{GROW}.width: expected granularities of the job, word, sentence; got page",
        ),
        (
            {"train__strategy": {"kind": "grow", "steps": [{"width": {"word": 1.0}}]}},
            f"{GROW}.width.word: expected less than 1; got 1.0",
        ),
        (
            {"train__sampling": "balanced", "train__class_weights": "balanced"},
            "train.sampling: rare labels would count twice; leave out either sampling or class_weights",
        ),
        (
            {"task": {"kind": "regress", "targets": ["n"]}, "train__class_weights": "balanced"},
            "train.class_weights: needs a head of one label, classify, ordinal or tag; leave it out",
        ),
        (
            {"task": {"kind": "regress", "targets": ["n"]}, "train__sampling": "balanced"},
            "train.sampling: needs a first head of one label, classify or ordinal; leave it out",
        ),
        (
            {"train__mixup": {"at": "samples"}},
            "train.mixup.at: the samples of input input (text) cannot be mixed, only those of images and of series of "
            "one length; use fused",
        ),
    ],
)
def test_what_a_job_cannot_have_is_told(point: dict[str, Any], expected: str) -> None:
    assert messages(**point) == [expected]


def test_a_plan_tells_what_each_phase_runs_and_costs() -> None:
    document = as_document(job(Path("corpus.jsonl")))
    document["train"]["strategy"] = {"kind": "staged", "epochs": {"word": 2}}
    made, mistakes = checked(document)
    assert made is not None, mistakes
    word, sentence, joint = plan(made).phases
    assert [(each.name, each.epochs) for each in (word, sentence, joint)] == [
        ("word", 2),
        ("sentence", 1),
        ("joint", 3),
    ]
    assert (word.levels, word.learns) == (("word",), ("word",))
    assert (sentence.levels, sentence.learns) == (("word", "sentence"), ("sentence",))
    assert joint.learns == ("word", "sentence", "top")
    assert word.operations < sentence.operations == joint.operations
