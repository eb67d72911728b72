from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import SelftestError
from mgdist_edge.golden import Example, Golden
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.predictor import Predictor
from mgdist_edge.selftest import Selftest, require_passed, selftest
from tests.edge.conftest import golden, manifest


def test_the_golden_examples_agree_on_this_device(small: Bundle) -> None:
    found = selftest(Predictor(small))
    assert found.passed
    assert found.examples == found.labels == 8
    assert found.difference < 1e-5
    assert found.tolerance == 0.02


def other(flatbuffer: bytes, path: Path, examples: Golden) -> Predictor:
    return Predictor(bundle(flatbuffer, manifest(), examples, path / "other.tflite"))


def test_a_device_that_answers_otherwise_fails(flatbuffer: bytes, tmp_path: Path) -> None:
    first, *rest = golden().examples
    begin, *middle, end = first.outputs[ONLY_HEAD]
    turned = replace(first, outputs={ONLY_HEAD: (end, *middle, begin)})
    predictor = other(flatbuffer, tmp_path, Golden((turned, *rest)))
    found = selftest(predictor)
    assert not found.passed
    assert found.labels == 7
    with pytest.raises(SelftestError) as caught:
        require_passed(found, predictor)
    assert str(caught.value).startswith(
        f"{tmp_path}/other.tflite: expected the golden answers; "
        "got: 7 of 8 golden examples have the expected label; the largest difference of an output is 0."
    )
    assert caught.value.exit_code == 4


def test_the_tolerance_is_that_of_the_bundle(flatbuffer: bytes, tmp_path: Path) -> None:
    def shifted(example: Example) -> Example:
        probabilities = example.outputs[ONLY_HEAD]
        best = max(probabilities)
        return replace(example, outputs={ONLY_HEAD: tuple(p + 0.005 * (p == best) for p in probabilities)})

    examples = tuple(map(shifted, golden().examples))
    assert selftest(other(flatbuffer, tmp_path, Golden(examples, 0.01))).passed
    strict = selftest(other(flatbuffer, tmp_path, Golden(examples, 0.001)))
    assert (strict.labels, strict.passed) == (8, False)


def test_two_labels_as_probable_but_for_the_tolerance_are_both_right(flatbuffer: bytes, tmp_path: Path) -> None:
    example = golden().examples[0]
    probabilities = example.outputs[ONLY_HEAD]
    first, second = sorted(range(4), key=lambda place: -probabilities[place])[:2]
    close = list(probabilities)
    close[second] = close[first] + 0.001
    total = sum(close)
    even = [value / total for value in close]
    shared = replace(example, outputs={ONLY_HEAD: tuple(even)})
    wide = max(abs(a - b) for a, b in zip(even, probabilities, strict=True)) + 0.01
    assert selftest(other(flatbuffer, tmp_path, Golden((shared,), wide))).passed


def test_a_finding_is_one_line() -> None:
    assert str(Selftest(8, 0.0123456, 0.02, 7)) == (
        "7 of 8 golden examples have the expected label; "
        "the largest difference of an output is 0.01235, 0.02 is allowed"
    )
