import json
from pathlib import Path

import numpy as np
import pytest

from mgdist.errors import ConvertError
from mgdist.export.verify import answers, measure, parity
from tests.export.line import Compressed


def bundle_of(compressed: Compressed) -> Path:
    return compressed.folder / "float32.bundle.tflite"


def test_the_devices_answers_are_the_networks(compressed: Compressed) -> None:
    found = answers(bundle_of(compressed), compressed.dataset.test)
    assert found.shape == compressed.test.shape == (15, 3)
    np.testing.assert_allclose(found, compressed.test, atol=1e-5)


def test_parity_is_the_largest_difference_and_the_share_of_equal_labels() -> None:
    trained = np.array([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8], [0.5, 0.5]], np.float32)
    device = np.array([[0.4, 0.6], [0.8, 0.2], [0.2, 0.8], [0.5, 0.5]], np.float32)
    found = parity(device, trained)
    assert found.difference == pytest.approx(0.2)
    assert (found.equal, found.examples) == (0.75, 4)


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
