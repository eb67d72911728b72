"""What a checkpoint asks of a job, told before anything heavy is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mgdist.job.plan import plan
from mgdist.job.point import checked
from tests.checkpoint import WIDTH, document_of, job_of, saved


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("checkpoint"))


def told(document: dict[str, Any]) -> list[str]:
    _, mistakes = checked(document)
    return [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def changed(folder: Path, path: str, value: Any) -> dict[str, Any]:
    document = document_of(folder)
    node, (*sections, last) = document, path.split(".")
    for name in sections:
        node = node.setdefault(name, {})
    node[last] = value
    return document


WRONG = [
    ("granularities.word.encoder.layers", 4, "layers: expected at most the checkpoint's 3; got 4"),
    ("granularities.word.encoder.train", 4, "train: expected all, none, or at most the 3 layers; got 4; use all"),
    ("granularities.word.encoder.train", "some", "granularities.word.encoder.train: expected all or none; got 'some'"),
    ("granularities.word.encoder.train", 0, "granularities.word.encoder.train: expected greater than or equal to 1"),
    ("granularities.word.length", 21, "granularities.word.length: expected at most the checkpoint's 20; got 21"),
    (
        "granularities.word.length",
        2,
        "granularities.word.length: expected more than 2, the tokens around a unit; got 2",
    ),
    ("granularities.word.width", 12, "granularities.word.width: expected 24, as wide as the checkpoint; got 12"),
    ("model.embedding.width", 12, "model.embedding.width: expected 24, as wide as the checkpoint; got 12"),
    ("model.embedding.ngrams", {}, "model.embedding.ngrams: a pre-trained encoder has its own embedding; leave it out"),
    ("model.embedding.bayes", {}, "model.embedding.bayes: a pre-trained encoder has its own embedding; leave it out"),
    ("model.embedding.idf", True, "model.embedding.idf: a pre-trained encoder has its own embedding; leave it out"),
    ("data.input.vocabulary", 99, "data.input.vocabulary: the wordpiece tokenizer brings its own; leave it out"),
    ("data.input.tokenizer", {"kind": "words"}, "expected a text's words from data.input.tokenizer kind wordpiece"),
]


@pytest.mark.parametrize(("path", "value", "expected"), WRONG, ids=[path for path, _, _ in WRONG])
def test_what_does_not_fit_a_checkpoint_is_told(folder: Path, path: str, value: Any, expected: str) -> None:
    assert any(expected in line for line in told(changed(folder, path, value)))


def test_a_model_of_another_width_is_told_once_for_each_field(folder: Path) -> None:
    assert told(changed(folder, "model.width", 16)) == [
        "model.width: expected 24, as wide as the checkpoint; got 16",
    ]


def test_a_sentence_level_takes_no_checkpoint(folder: Path) -> None:
    encoder = {"kind": "pretrained", "path": str(folder)}
    found = told(changed(folder, "granularities.sentence.encoder", encoder))
    assert found[0].startswith("granularities.sentence.encoder: expected a text's words from data.input.tokenizer")


def test_a_folder_without_a_checkpoint_is_told_where_it_is_named(tmp_path: Path) -> None:
    said = (
        f"expected a checkpoint's folder with config.json; {tmp_path}/config.json: No such file or directory; save one"
    )
    first, second = told(document_of(tmp_path))
    assert first.startswith(f"data.input.tokenizer.path: {said}")
    assert second.startswith(f"granularities.word.encoder.path: {said}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_type": "roberta"}, "expected a checkpoint of model_type bert; got 'roberta' in "),
        (
            {"position_embedding_type": "relative_key"},
            "expected an encoder with absolute positions; got 'relative_key'",
        ),
        ({"hidden_act": "silu"}, "expected hidden_act gelu or relu; got 'silu' in "),
        ({"hidden_size": "wide"}, "expected hidden_size to be a whole number of at least 1; got 'wide' in "),
        ({"layer_norm_eps": 2}, "expected layer_norm_eps between 0 and 1; got 2 in "),
        (
            {"num_attention_heads": 5},
            "expected heads that divide the width, and a padding in the vocabulary; got others",
        ),
    ],
)
def test_another_kind_of_checkpoint_is_refused(
    folder: Path, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    config = json.loads((folder / "config.json").read_text()) | changes
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert all(expected in line for line in told(document_of(tmp_path)))


def test_a_config_that_is_not_json_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    assert all("expected JSON in " in line for line in told(document_of(tmp_path)))


def test_a_plan_knows_the_size_of_the_network_that_is_built(folder: Path) -> None:
    from mgdist.models.build import build
    from tests.networks import inputs_of, tasks_of

    job = job_of(folder, layers=2, train=1)
    planned = plan(job)
    assert planned.tables == ((24, WIDTH),)
    built = build(job, inputs_of(job, 24), tasks_of(job, 2))
    assert sum(weight.numel() for weight in built.parameters()) == planned.parameters


def test_a_job_with_a_checkpoint_is_checked_without_torch(folder: Path) -> None:
    said = (
        "import sys, json; from mgdist.job.point import checked; "
        f"assert checked(json.loads({json.dumps(document_of(folder))!r}))[0] is not None; "
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0
