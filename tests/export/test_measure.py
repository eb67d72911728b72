"""Static and mixed formats, on a network over images."""

from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.compress.candidate import Candidate
from mgdist.data.prepare import prepare
from mgdist.errors import ConvertError
from mgdist.evaluate.network import answers as outputs_of
from mgdist.evaluate.scores import quality, score
from mgdist.export.candidates import candidates, open_candidates
from mgdist.export.litert_route import convert
from mgdist.export.measure import Measuring
from mgdist.export.measured import Measured
from mgdist.job.load import load
from mgdist.train.prepare import prepare as prepare_training
from tests.export.line import CREATED

pytestmark = pytest.mark.slow
DIGITS = Path(__file__).parents[2] / "jobs" / "digits.yaml"
POINT = ["train.epochs=2", "data.limit=600", "compress.calibrate=50", "compress.max_accuracy_drop=0.02"]


@pytest.fixture(scope="module")
def measuring(tmp_path_factory: pytest.TempPathFactory) -> Measuring:
    folder = tmp_path_factory.mktemp("digits")
    job = load(DIGITS, [*POINT, "compress.methods=[float32, int8_dynamic, int8_static, mixed]", "compress.every=true"])
    dataset = prepare(job, folder / "data")
    training = prepare_training(job, dataset)
    training.run()
    network = training.network.eval()
    converted = convert(network, job, dataset.inputs, dataset.tasks, folder / "float32.tflite")
    trained = outputs_of(network, dataset.tasks, dataset.valid)
    reference = quality(score(dataset.tasks, trained, dataset.valid.targets))
    (folder / "compress").mkdir()
    known = Measured.of(job, dataset, folder / "measured")
    return Measuring(job, dataset, converted, trained, reference, CREATED, folder / "compress", known)


@pytest.fixture(scope="module")
def measured(measuring: Measuring) -> dict[str, Candidate]:
    told: list[Candidate] = []
    about = (measuring.job, measuring.dataset, measuring.converted, measuring.trained)
    candidates(*about, CREATED, measuring.folder, measuring.measured.folder, told.append)
    sizes = [each.size for each in told]
    assert sizes == sorted(sizes), "cheap ones first"
    assert set(map(str, open_candidates(measuring.folder))) == set(map(str, told))
    assert not list(measuring.folder.glob("tried*"))
    return {each.method: each for each in told}


def test_static_integers_compute_in_integers_between_the_weights_too(measured: dict[str, Candidate]) -> None:
    static, dynamic = measured["int8_static"], measured["int8_dynamic"]
    assert static.weights["int8"] > 0.95
    assert sum(static.floats.values()) < sum(dynamic.floats.values())
    assert static.parity.equal > 0.9


def test_mixed_is_smaller_and_keeps_the_budget(measuring: Measuring, measured: dict[str, Candidate]) -> None:
    mixed = measured["mixed"]
    assert mixed.size < measured["int8_dynamic"].size
    assert mixed.quality >= measuring.reference - 0.02
    assert {layer.format for layer in mixed.layers} >= {"int4"}


def test_every_layer_is_told_with_the_format_that_it_has(measured: dict[str, Candidate]) -> None:
    names = [layer.name for layer in measured["float32"].layers]
    assert len(names) == len(set(names)) > 3
    for each in measured.values():
        assert [layer.name for layer in each.layers] == names
    assert {layer.format for layer in measured["int8_dynamic"].layers} == {"int8"}


def test_too_few_examples_to_calibrate_on_are_refused(measuring: Measuring) -> None:
    more = measuring.job.model_copy(update={"compress": measuring.job.compress.model_copy(update={"calibrate": 5000})})
    with pytest.raises(ConvertError) as caught:
        replace(measuring, job=more).weighed("int8_static")
    rows = len(measuring.dataset.train)
    assert str(caught.value) == (
        f"compress.calibrate: expected 5000 training examples to calibrate int8_static on; got {rows}; ask for fewer, "
        "give more rows, or leave the method out"
    )
