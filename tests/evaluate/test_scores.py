import json

import numpy as np
import pytest

from mgdist.evaluate.classes import ClassScores, score_classes
from mgdist.evaluate.labels import LabelScores, score_labels
from mgdist.evaluate.scores import (
    Scores,
    as_json,
    consistent,
    from_json,
    metric_name,
    named,
    quality,
    score,
    score_head,
    total_loss,
    verdict,
)
from mgdist.evaluate.values import ValueScores, score_values
from mgdist_edge.above import Above
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task

RNG = np.random.default_rng(4)
TASKS: dict[str, Task] = {
    "topic": Classify(("a", "b", "c")),
    "stars": Ordinal(("1", "2", "3")),
    "tags": MultiLabel(("x", "y")),
    "size": Regress(("width", "height"), (1.0, 2.0), (3.0, 4.0)),
}
OUTPUTS = {
    "topic": RNG.dirichlet([1, 1, 1], 50).astype(np.float32),
    "stars": RNG.dirichlet([1, 1, 1], 50).astype(np.float32),
    "tags": RNG.random((50, 2)).astype(np.float32),
    "size": RNG.normal(size=(50, 2)).astype(np.float32),
}
TARGETS = {
    "topic": RNG.integers(0, 3, 50),
    "stars": RNG.integers(0, 3, 50),
    "tags": (RNG.random((50, 2)) > 0.5).astype(np.float32),
    "size": RNG.normal(size=(50, 2)).astype(np.float32),
}


def test_each_head_is_scored_by_what_it_answers() -> None:
    found = score(TASKS, OUTPUTS, TARGETS)
    assert list(found) == list(TASKS)
    assert found["topic"] == score_classes(OUTPUTS["topic"], TARGETS["topic"])
    assert isinstance(found["stars"], ClassScores)
    assert found["tags"] == score_labels(OUTPUTS["tags"], TARGETS["tags"])
    assert found["size"] == score_values(OUTPUTS["size"], TARGETS["size"])
    assert {each.examples for each in found.values()} == {50}
    for name, task in TASKS.items():
        assert score_head(task, OUTPUTS[name], TARGETS[name]) == found[name]


def test_scores_survive_json() -> None:
    found = score(TASKS, OUTPUTS, TARGETS)
    assert from_json(json.loads(json.dumps(as_json(found)))) == found
    assert [fields["kind"] for fields in as_json(found).values()] == ["classes", "classes", "labels", "values"]


def test_the_quality_is_the_mean_over_the_heads() -> None:
    found = score(TASKS, OUTPUTS, TARGETS)
    topic, stars, tags, size = found.values()
    assert isinstance(topic, ClassScores)
    assert isinstance(stars, ClassScores)
    assert isinstance(tags, LabelScores)
    assert isinstance(size, ValueScores)
    assert quality(found) == pytest.approx((topic.accuracy + stars.accuracy + tags.micro_f1 + size.r2) / 4)
    assert metric_name(found) == "quality"


@pytest.mark.parametrize(("head", "metric"), [("topic", "accuracy"), ("tags", "micro_f1"), ("size", "r2")])
def test_the_quality_of_one_head_is_its_first_metric(head: str, metric: str) -> None:
    only = {head: score(TASKS, OUTPUTS, TARGETS)[head]}
    assert metric_name(only) == metric
    assert quality(only) == only[head].metrics[metric]


def test_numbers_bear_their_head_where_there_are_several() -> None:
    found = score(TASKS, OUTPUTS, TARGETS)
    assert list(named({"topic": found["topic"]})) == ["accuracy", "macro_f1", "auc", "ece"]
    assert list(named({"topic": found["topic"], "size": found["size"]})) == [
        *("topic.accuracy", "topic.macro_f1", "topic.auc", "topic.ece"),
        *("size.r2", "size.mse", "size.mae"),
    ]


def test_the_losses_of_the_heads_are_added_each_with_its_weight() -> None:
    found = score(TASKS, OUTPUTS, TARGETS)
    losses = {name: each.loss for name, each in found.items()}
    assert total_loss(found, {}) == pytest.approx(sum(losses.values()))
    weighted = sum(losses.values()) + 2 * losses["size"] - 0.5 * losses["tags"]
    assert total_loss(found, {"size": 3.0, "tags": 0.5}) == pytest.approx(weighted)


def scored(right: int, wrong: int, *, share: float = 0.5) -> ClassScores:
    """Return scores of a two-class network whose most frequent class has a share of the rows."""
    total = right + wrong
    targets = (np.arange(total) >= total * share).astype(np.int64)
    predicted = np.where(np.arange(total) % total < right, targets, 1 - targets)
    return score_classes(np.eye(2)[predicted], targets)


@pytest.mark.parametrize(
    ("network", "baseline", "said"),
    [
        (scored(90, 10), scored(80, 20), []),
        (scored(90, 10), scored(90, 10), []),
        (
            scored(85, 15),
            scored(90, 10),
            ["below the simple baseline: accuracy 0.8500 against 0.9000 on"],
        ),
        (scored(59, 41), scored(50, 50), ["learned nothing: its accuracy of 0.5900 on 100 examples"]),
        (scored(61, 39), scored(50, 50), []),
        (scored(590, 410), scored(500, 500), []),
        (scored(910, 90, share=0.9), scored(900, 100, share=0.9), ["always naming the most frequent class gives (0.9"]),
        (scored(10, 90), scored(90, 10), ["learned nothing", "below the simple baseline"]),
    ],
)
def test_chance_level_and_less_than_the_baseline_are_said_in_words(
    network: ClassScores, baseline: ClassScores, said: list[str]
) -> None:
    found = verdict({ONLY_HEAD: network}, {ONLY_HEAD: baseline})
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))


def labelled(micro: float, frequent: float) -> LabelScores:
    return LabelScores(micro, 0.5, 0.5, 0.3, 100, frequent)


def valued(r2: float) -> ValueScores:
    return ValueScores(r2, 1 - r2, 0.5, 100)


@pytest.mark.parametrize(
    ("network", "baseline", "said"),
    [
        (labelled(0.8, 0.4), labelled(0.7, 0.4), ()),
        (
            labelled(0.4, 0.4),
            labelled(0.4, 0.4),
            (
                "The network has learned nothing: its micro F1 of 0.4000 is what always naming the frequent labels "
                "gives. Change train.lr or the encoders.",
            ),
        ),
        (
            labelled(0.6, 0.4),
            labelled(0.7, 0.4),
            ("The network is below the simple baseline: micro f1 0.6000 against 0.7000 on the same rows.",),
        ),
        (valued(0.5), valued(0.4), ()),
        (
            valued(-0.01),
            valued(-0.5),
            (
                "The network has learned nothing: its errors are as large as those of the mean (R2 -0.0100). "
                "Change train.lr or the encoders.",
            ),
        ),
        (
            valued(0.3),
            valued(0.4),
            ("The network is below the simple baseline: r2 0.3000 against 0.4000 on the same rows.",),
        ),
    ],
)
def test_the_verdict_on_labels_and_on_numbers(network: Scores, baseline: Scores, said: tuple[str, ...]) -> None:
    assert verdict({ONLY_HEAD: network}, {ONLY_HEAD: baseline}) == said


def test_of_several_heads_the_verdict_names_the_one_that_lags() -> None:
    network = {"topic": scored(90, 10), "size": valued(0.3), "tags": labelled(0.1, 0.4)}
    assert verdict(network, {"topic": scored(80, 20), "size": valued(0.4)}) == (
        "The network is below the simple baseline at size: r2 0.3000 against 0.4000 on the same rows.",
        "The network has learned nothing at tags: its micro F1 of 0.1000 is what always naming the frequent labels "
        "gives. Change train.lr or the encoders.",
    )


def test_how_often_a_coarse_answer_is_the_one_above_the_fine_answer_is_measured_and_kept() -> None:
    tasks = {"fine": Classify(("a", "b", "c")), "coarse": Classify(("x", "y"), Above("fine", (0, 1, 0)))}
    fine, coarse = np.eye(3)[[0, 1, 2, 2]], np.eye(2)[[0, 1, 1, 0]]
    targets = {"fine": np.array([0, 1, 2, 0]), "coarse": np.array([1, 1, 1, 1])}
    found = score(tasks, {"fine": fine, "coarse": coarse}, targets)
    assert consistent(found) == {"coarse": 0.75}
    assert named(found)["coarse.consistent"] == 0.75
    assert "fine.consistent" not in named(found)
    assert from_json(json.loads(json.dumps(as_json(found)))) == found
