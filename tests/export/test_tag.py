"""Labels of samples on the device: converted, bundled, replayed, and asked for on the command line."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare
from mgdist.errors import ConvertError
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.network import answers as outputs_of
from mgdist.export.bundle import bundle
from mgdist.export.candidates import candidates, open_candidates, ship
from mgdist.export.litert_route import convert
from mgdist.export.verify import answers, parity
from mgdist.job.spec import Job
from mgdist_edge.answers import Label
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import SelftestError
from mgdist_edge.golden import Golden
from mgdist_edge.predictor import load
from mgdist_edge.runtime import Runtime
from mgdist_edge.selftest import selftest
from mgdist_edge.summary import summary
from mgdist_edge.tags import Tag, Tags
from tests.data.tags import LABELS, LEVELS, tag_job, write
from tests.export.line import CREATED, network_of


@dataclass(frozen=True)
class Made:
    job: Job
    data: Dataset
    path: Path
    trained: Outputs

    @property
    def recording(self) -> NDArray[np.float32]:
        return np.asarray(self.data.test.raw(0)["input"], np.float32)


def made(job: Job, folder: Path) -> Made:
    """Carry a job as far as its bundle, with weights as they are drawn."""
    data = prepare(job, folder / "data")
    network = network_of(job, data, folder / "model.safetensors")
    converted = convert(network, job, data.inputs, data.tasks, folder / "float32.tflite")
    valid, test = (outputs_of(network, data.tasks, shard) for shard in (data.valid, data.test))
    work = folder / "compress"
    work.mkdir()
    candidates(job, data, converted, valid, CREATED, work, folder / "measured", lambda _: None)
    (chosen,) = open_candidates(work)
    ship(job, data, converted.levels, [chosen], work, test, CREATED, folder)
    assert chosen.parity.equal == 1.0
    return Made(job, data, folder / "small.tflite", test)


QUICK = {
    "moment": {**LEVELS["moment"], "encoder": {"kind": "mlp"}},
    "window": {**LEVELS["window"], "length": 8, "encoder": {"kind": "mlp"}},
}  # unrolled steps take their time to convert
CONV = {**LEVELS, "window": {"length": 4, "encoder": {"kind": "conv"}}}
METHODS = {"compress": {"methods": ["float32"]}, "model": {"width": 8, "fusion": "gated", "hidden": [6]}}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("tags")
    return made(tag_job(write(folder / "rows.jsonl"), granularities=CONV, **METHODS), folder)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("several")
    heads = {"most": {"kind": "classify", "label": "most"}, "tags": {"kind": "tag", "label": "tags"}}
    job = tag_job(
        write(folder / "rows.jsonl"), task={"kind": "several", "heads": heads}, granularities=QUICK, **METHODS
    )
    return made(job, folder)


def test_the_device_labels_every_sample_as_torch_does(alone: Made) -> None:
    assert len({len(alone.data.test.raw(row)["input"]) for row in range(len(alone.data.test))}) > 1
    found = answers(alone.path, alone.data.test)["answer"]
    assert found.shape == alone.trained["answer"].shape
    np.testing.assert_allclose(found, alone.trained["answer"], atol=1e-5)
    compared = parity(alone.data.tasks, {"answer": found}, alone.trained)
    assert (compared.equal, compared.examples) == (1.0, len(alone.data.test.targets["answer"]))


@pytest.mark.slow
def test_a_head_of_whole_examples_answers_beside_it(several: Made) -> None:
    found = answers(several.path, several.data.test)
    assert list(found) == ["most", "tags"]
    for name, outputs in several.trained.items():
        np.testing.assert_allclose(found[name], outputs, atol=1e-5)
    most, tags = load(several.path).predict(several.recording).answers.values()
    assert isinstance(most, Label)
    assert isinstance(tags, Tags)
    flipped = {"most": found["most"], "tags": np.roll(found["tags"], 1, 1)}
    assert parity(several.data.tasks, flipped, several.trained).equal == 0.0


def test_the_manifest_says_which_levels_give_states(alone: Made, several: Made) -> None:
    manifest = Bundle.open(alone.path).manifest
    assert manifest.tasks == {"answer": Tag(LABELS, "moment")}
    assert [level.states for level in manifest.levels] == [8, 8, 8]
    assert "states of 8" in "\n".join(summary(Bundle.open(alone.path)))
    card = Bundle.open(alone.path).readme
    assert card is not None
    states = "`moment` float32 (N, 8, 8), `window` float32 (N, 8, 8), `slow` float32 (N, 8, 8)"
    assert f"- `head_N` for N in [1, 2]: {states} -> `answer` float32 (N, 8, 3)" in card
    assert "- `head`: " not in card
    both = Bundle.open(several.path).readme
    assert both is not None
    assert "- `head`: `moment` float32 (1, 16)" in both


def test_golden_examples_prove_every_sample(alone: Made, tmp_path: Path) -> None:
    found = selftest(load(alone.path))
    assert found.passed
    opened = Bundle.open(alone.path)
    first, *rest = opened.golden.examples
    turned = tuple(np.roll(np.reshape(first.outputs["answer"], (-1, 3)), 1, 1).ravel().tolist())
    model = alone.path.parent / "compress" / "float32.tflite"
    wrong = Golden((replace(first, outputs={"answer": turned}), *rest))
    other = bundle(model, replace(opened.manifest, parts={}), wrong, tmp_path / "wrong.tflite")
    assert selftest(load(other.path, replay=False)).labels == len(rest)
    short = Golden((replace(first, outputs={"answer": turned[:-3]}), *rest))
    other = bundle(model, replace(opened.manifest, parts={}), short, tmp_path / "short.tflite")
    line = f"expected {len(turned) - 3} outputs, as a golden example has; got {len(turned)}; make the bundle again"
    with pytest.raises(SelftestError, match=line):
        selftest(load(other.path, replay=False))


def test_a_manifest_whose_levels_lack_states_is_refused(alone: Made, tmp_path: Path) -> None:
    opened = Bundle.open(alone.path)
    levels = tuple(replace(level, states=0) if level.name == "slow" else level for level in opened.manifest.levels)
    model = alone.path.parent / "compress" / "float32.tflite"
    line = "expected states of moment and of all coarser levels; got moment, window; make the bundle again$"
    with pytest.raises(ConvertError, match=line):
        bundle(model, replace(opened.manifest, levels=levels), opened.golden, tmp_path / "x.tflite")


def test_the_command_line_tells_stretches(alone: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recordings.jsonl"
    path.write_text(json.dumps({"input": alone.recording.tolist()}) + "\n")
    assert main(["predict", str(alone.path), "--file", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["labels"]) == len(alone.recording)
    assert told["runs"][-1]["last"] == len(told["labels"]) - 1
    assert {run["label"] for run in told["runs"]} == set(told["labels"]) <= set(LABELS)
    assert main(["predict", str(alone.path), "--file", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(told["runs"])
    assert lines[0].startswith(f"0-{told['runs'][0]['last']} ")
    assert " ms)" in lines[0]
    assert main(["selftest", str(alone.path)]) == 0
    assert main(["bench", str(alone.path), "--file", str(path), "--json"]) == 0


def test_cost_follows_the_length_of_a_recording(alone: Made) -> None:
    predictor, calls = load(alone.path), list[str]()
    predictor.runtime = Runtime(predictor.bundle, hear=lambda name, _: calls.append(name))
    predictor.predict(np.ones((9, 2), np.float32))
    assert [name for name in calls if name.startswith(("moment", "head"))] == ["moment_2", "head_2"]
    calls.clear()
    predictor.predict(np.ones((40, 2), np.float32))
    assert [name for name in calls if name.startswith("head")] == ["head_2", "head_2", "head_1"]
