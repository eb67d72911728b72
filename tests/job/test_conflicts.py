"""Inputs, heads, weights and the metric of a job that contradict each other, as they are told."""

from typing import Any

import pytest

from mgdist.job.point import checked

TEXT = {"kind": "text"}
BAG = {"length": 6, "encoder": {"kind": "bag"}}
TWO = {"title": {**TEXT, "columns": "title"}, "body": {**TEXT, "columns": "body"}}
LEVELS = {"title.word": BAG, "body.word": BAG, "body.sentence": BAG}
HEADS = {
    "topic": {"kind": "classify", "label": "topic"},
    "price": {"kind": "regress", "targets": "price"},
}


def said(**sections: Any) -> list[str]:
    """Return what is wrong with a job of two inputs and two heads, some of whose sections are replaced."""
    data = {"source": {"kind": "files", "train": "t.csv"}, "inputs": TWO, **sections.pop("data", {})}
    task = {"kind": "several", "heads": HEADS, **sections.pop("several", {})}
    document = {"name": "small", "task": task, "data": data, "granularities": LEVELS, **sections}
    _, mistakes = checked(document)
    return [f"{mistake.path}: {mistake.message}" for mistake in mistakes]


def test_two_inputs_and_two_heads_contradict_nothing() -> None:
    assert said() == []


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        ({"data": {"input": TEXT}}, "data: expected one of input and inputs; got both"),
        (
            {"data": {"inputs": {}}, "granularities": {"word": BAG}},
            "data.input: expected a value; it is missing",
        ),
        (
            {"data": {"inputs": {"title": TWO["title"]}}, "granularities": {"title.word": BAG}},
            "data.inputs: expected several inputs; got one; write it as data.input",
        ),
        (
            {"granularities": {**LEVELS, "word": BAG}},
            "granularities.word: expected the input in front, one of title.NAME, body.NAME",
        ),
        (
            {"granularities": {**LEVELS, "footer.word": BAG}},
            "granularities.footer.word: expected the input in front, one of title.NAME, body.NAME",
        ),
        ({"granularities": {"body.word": BAG}}, "granularities: expected at least one of input title; got none"),
        (
            {"granularities": {**LEVELS, "title.wrod": BAG}},
            "granularities.title.wrod: expected one of word, sentence, paragraph; did you mean word?",
        ),
        (
            {"granularities": {"title.sentence": BAG, "body.word": BAG}},
            "granularities: expected title.word, on which the others build; it is missing",
        ),
        (
            {"granularities": {**LEVELS, "title.word": {**BAG, "scale": 2}}},
            "granularities.title.word.scale: words cannot be averaged; leave it out",
        ),
        ({"several": {"weights": {"prize": 2.0}}}, "task.weights.prize: expected one of topic, price"),
        (
            {"several": {"heads": {**HEADS, "Top-ic": HEADS["topic"]}}},
            "task.heads.Top-ic: expected a name of small letters, digits and underscores",
        ),
        (
            {"train": {"metric": "micro_f1"}},
            "train.metric: expected loss or one that the task has: accuracy, macro_f1, auc, r2, mse, mae; got micro_f1",
        ),
        (
            {"task": HEADS["price"], "train": {"metric": "accuracy"}},
            "train.metric: expected loss or one that the task has: r2, mse, mae; got accuracy",
        ),
        (
            {"compress": {"methods": ["int8_static"]}},
            "compress.methods: int8_static is for images, series and audio, not for embeddings; leave it out",
        ),
        (
            {"compress": {"methods": ["mixed"]}, "device": {"profile": "compat"}},
            "compress.methods: tflite-runtime 2.14 computes mixed wrongly or not at all; use float32, float16, "
            "int8_embedding",
        ),
        (
            {"task": HEADS["price"], "model": {"embedding": {"bayes": {}}}},
            "model.embedding.bayes: needs a first head that classifies with weights of its own; leave it out",
        ),
    ],
)
def test_what_contradicts_is_told_with_its_path(sections: dict[str, Any], line: str) -> None:
    assert line in said(**sections)


@pytest.mark.parametrize(
    ("several", "path"),
    [
        ({"heads": {"topic": HEADS["topic"]}}, "task.heads"),
        ({"weights": {"topic": 0}}, "task.weights.topic"),
    ],
)
def test_too_few_heads_and_weights_of_nothing_are_refused(several: dict[str, Any], path: str) -> None:
    (line,) = said(several=several)
    assert line.startswith(path)


@pytest.mark.parametrize("metric", [None, "loss", "accuracy", "r2", "mae"])
def test_a_metric_that_one_of_the_heads_has_will_do(metric: str | None) -> None:
    assert said(train={"metric": metric}) == []


@pytest.mark.parametrize(
    ("sections", "line"),
    [
        (
            {"device": {"profile": "browser"}},
            "the browser has no such operator; leave it out, or use another device.profile",
        ),
        (
            {"compress": {"methods": ["float32", "int8_static"]}},
            "one operator cannot be had in int8_static; leave one of the two out",
        ),
    ],
)
def test_an_lstm_in_one_operator_is_refused_where_there_is_none(sections: dict[str, Any], line: str) -> None:
    levels = {**LEVELS, "body.sentence": {"length": 6, "encoder": {"kind": "lstm", "fused": True}}}
    assert said(granularities=levels) == []
    assert f"granularities.body.sentence.encoder.fused: {line}" in said(granularities=levels, **sections)


def test_only_an_lstm_in_one_operator_reads_long_units() -> None:
    def long(**encoder: Any) -> list[str]:
        return said(granularities={**LEVELS, "body.sentence": {"length": 257, "encoder": {"kind": "lstm", **encoder}}})

    assert long(fused=True) == []
    (line,) = long()
    assert line == (
        "granularities.body.sentence.length: expected at most 256 for a recurrent encoder, which is unrolled on the "
        "device; got 257; an lstm with encoder.fused: true may be longer"
    )
