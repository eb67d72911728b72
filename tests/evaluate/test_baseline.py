import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from mgdist.data.prepare import prepare
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.classes import ClassScores
from mgdist.evaluate.labels import LabelScores
from mgdist.evaluate.scores import Scores
from mgdist.evaluate.values import ValueScores
from mgdist_edge.names import ONLY_HEAD
from tests.data.rows import animals, files, job, write_jsonl


def test_it_tells_libraries_by_their_docstrings(tmp_path: Path) -> None:
    source = {"kind": "docstrings", "packages": ["networkx", "fsspec", "aiohttp"]}
    asked = job(source, task__label="library", data__cache=str(tmp_path / "cache"), data__limit=300)
    dataset = prepare(asked, tmp_path / "data")
    scores = baseline(dataset)
    assert set(scores) == {"valid", "test"}
    assert scores["test"][ONLY_HEAD].examples == len(dataset.test)
    assert scores["test"][ONLY_HEAD].metrics["accuracy"] > 0.9


def test_two_classes_have_two_probabilities(tmp_path: Path) -> None:
    found = baseline(prepare(files(write_jsonl(tmp_path / "train.jsonl", animals(40))), tmp_path / "data"))["test"][
        ONLY_HEAD
    ]
    assert isinstance(found, ClassScores)
    assert found.accuracy == 1.0
    assert len(found.per_class) == 2
    assert found.loss == pytest.approx(0.15, abs=0.15)


def test_it_learns_from_the_training_split_only(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(40))
    swapped = [{"text": row["text"], "label": "dog" if row["label"] == "cat" else "cat"} for row in animals(20)]
    held = write_jsonl(tmp_path / "test.jsonl", swapped)
    found = baseline(prepare(files(train, test=held), tmp_path / "data"))["test"][ONLY_HEAD]
    assert found.metrics["accuracy"] == 0.0


def shops(count: int, seed: int) -> list[dict[str, object]]:
    """Return texts that name some goods, which make up their tags and their two prices."""
    draw, goods = random.Random(seed), {"apple": (1, 10), "bread": (2, -5), "cheese": (4, 0), "dates": (8, 3)}
    rows: list[dict[str, object]] = []
    for number in range(count):
        bought = draw.sample(list(goods), draw.randint(1, 3))
        small, large = (sum(goods[each][place] for each in bought) for place in (0, 1))
        text = f"Visitor {number} took {' and '.join(bought)} home."
        rows.append({"text": text, "tags": ",".join(bought), "small": small, "large": large})
    return rows


def scored(folder: Path, task: dict[str, object]) -> Mapping[str, Scores]:
    made = job({"kind": "files", "train": str(write_jsonl(folder / "train.jsonl", shops(300, 1)))}, task=task)
    dataset = prepare(made, folder / "data")
    found = baseline(dataset)
    assert set(found) == {"valid", "test"}
    assert {each.examples for each in found["test"].values()} == {len(dataset.test)}
    return found["test"]


@pytest.mark.parametrize("labels", [None, ["apple", "dates"], ["cheese"]])
def test_it_names_any_number_of_labels(tmp_path: Path, labels: list[str] | None) -> None:
    found = scored(tmp_path, {"kind": "multi_label", "label": "tags", "labels": labels})[ONLY_HEAD]
    assert isinstance(found, LabelScores)
    assert found.micro_f1 > 0.95
    assert found.subset_accuracy > 0.9
    assert found.micro_f1 > found.frequent_f1


@pytest.mark.parametrize("targets", [["small"], ["small", "large"]])
def test_it_gives_numbers(tmp_path: Path, targets: list[str]) -> None:
    found = scored(tmp_path, {"kind": "regress", "targets": targets})[ONLY_HEAD]
    assert isinstance(found, ValueScores)
    assert 0.8 < found.r2 < 1
    assert found.mse < 0.2


def test_each_of_several_heads_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    heads = {"tags": {"kind": "multi_label", "label": "tags"}, "price": {"kind": "regress", "targets": ["small"]}}
    found = scored(tmp_path, {"kind": "several", "heads": heads})
    assert list(found) == ["tags", "price"]
    assert min(each.quality for each in found.values()) > 0.8
