import json
from pathlib import Path

import numpy as np
import pytest

from mgdist.errors import ConvertError
from mgdist.export.verify import answers, measure, parity
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Classify, MultiLabel, Regress
from tests.export.line import Compressed


def bundle_of(compressed: Compressed) -> Path:
    return compressed.folder / "float32.bundle.tflite"


def test_the_devices_answers_are_the_networks(compressed: Compressed) -> None:
    found = answers(bundle_of(compressed), compressed.dataset.test)
    assert list(found) == list(compressed.test) == [ONLY_HEAD]
    assert found[ONLY_HEAD].shape == compressed.test[ONLY_HEAD].shape == (15, 3)
    np.testing.assert_allclose(found[ONLY_HEAD], compressed.test[ONLY_HEAD], atol=1e-5)


def test_parity_is_the_largest_difference_and_the_share_of_equal_labels() -> None:
    trained = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    device = np.array([[0.4, 0.6], [0.8, 0.2], [0.2, 0.8], [0.5, 0.5]], np.float32)
    found = parity({ONLY_HEAD: Classify(("a", "b"))}, {ONLY_HEAD: device}, {ONLY_HEAD: trained})
    assert found.difference == pytest.approx(0.2)
    assert (found.equal, found.examples) == (0.75, 4)


TASKS = {
    "topic": Classify(("a", "b")),
    "tags": MultiLabel(("x", "y")),
    "size": Regress(("size",), (5.0,), (2.0,)),
}
TRAINED = {
    "topic": np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32),
    "tags": np.array([[0.9, 0.1], [0.52, 0.4], [0.3, 0.3], [0.8, 0.8]], np.float32),
    "size": np.array([[-1.0], [0.5], [2.0], [0.0]], np.float32),
}


@pytest.mark.parametrize(
    ("head", "row", "outputs", "equal", "difference"),
    [
        ("topic", 0, [0.6, 0.4], 1.0, 0.0),
        ("topic", 0, [0.4, 0.6], 0.75, 0.2),
        ("tags", 1, [0.51, 0.49], 1.0, 0.09),
        ("tags", 1, [0.48, 0.4], 0.75, 0.04),
        ("tags", 3, [0.8, 0.45], 0.75, 0.35),
        ("size", 2, [2.015], 1.0, 0.015),
        ("size", 2, [2.25], 0.75, 0.25),
    ],
)
def test_an_answer_is_equal_where_it_is_so_at_every_head(
    head: str, row: int, outputs: list[float], equal: float, difference: float
) -> None:
    device = {name: values.copy() for name, values in TRAINED.items()}
    device[head][row] = outputs
    found = parity(TASKS, device, TRAINED)
    assert (found.equal, found.examples) == (equal, 4)
    assert found.difference == pytest.approx(difference, abs=1e-6)


def documents(path: Path, *texts: str) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def test_a_bundle_is_measured_in_a_process_of_its_own(compressed: Compressed, tmp_path: Path) -> None:
    speed = measure(bundle_of(compressed), documents(tmp_path / "d.jsonl", "the tide and the reef"))
    assert 0 < speed.latency < 1
    assert 5e6 < speed.memory < 5e8, "torch in the same process would count as the bundle's memory"


def test_a_bundle_that_the_runtime_refuses_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.tflite").write_bytes(b"not a model")
    with pytest.raises(ConvertError) as caught:
        measure(tmp_path / "bad.tflite", documents(tmp_path / "d.jsonl", "a"))
    told = str(caught.value)
    assert told.startswith(
        f"{tmp_path}/bad.tflite: the edge runtime refuses it: {tmp_path}/bad.tflite: expected a bundle"
    )
    assert "\n" not in told
