"""Models that were not trained here: real Keras, TensorFlow, torch, the real converters and the real edge runtime."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mgdist_edge.predictor import load
from tests import inside

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    script = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("own.py")), str(folder)]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def export(folder: Path, *arguments: str) -> inside.Ended:
    """Run the command in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return inside.mgdist("export", *arguments)


USUAL = ("--divide", "16", "--methods", "float32,int8_dynamic", "--set", "data.limit=400")


@pytest.fixture(scope="module")
def shipped(made: Path) -> Path:
    done = export(made, "digits.keras", "--data", "digits.npz", *USUAL)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return made / "runs/digits/latest"


def test_a_keras_model_ships_small_within_the_budget(shipped: Path) -> None:
    found = {each["method"]: each for each in json.loads((shipped / "compress/candidates.json").read_text())}
    network = json.loads((shipped / "evaluate/scores.json").read_text())["network"]["valid"]["answer"]["accuracy"]
    assert json.loads((shipped / "bundle/shipped.json").read_text())["method"] == "int8_dynamic"
    assert found["int8_dynamic"]["quality"] >= network - 0.005
    assert network > 0.9
    assert found["int8_dynamic"]["size"] < found["float32"]["size"] / 2
    assert found["float32"]["parity"]["difference"] < 1e-5


def test_the_bundle_answers_as_keras_predicts(made: Path, shipped: Path) -> None:
    predictor = load(shipped / "digits.tflite")
    images, logits = _arrays(made / "digits.npz")["image"], np.load(made / "logits.npy")
    found = [predictor.predict(image).probabilities for image in images[:200]]
    powers = np.exp(logits[:200] - logits[:200].max(1, keepdims=True))
    expected = powers / powers.sum(1, keepdims=True)
    assert np.abs(np.array([list(each.values()) for each in found]) - expected).max() < 0.03
    best = [max(each, key=each.__getitem__) for each in found]
    assert np.mean(np.array(best) == expected.argmax(1).astype(str)) > 0.99


def test_the_bundle_proves_itself_and_says_what_it_reads(made: Path, shipped: Path) -> None:
    bundle, one = shipped / "digits.tflite", made / "one.npy"
    np.save(one, _arrays(made / "digits.npz")["image"][0])
    edge = [sys.executable, "-m", "mgdist_edge"]
    told = {
        verb: subprocess.run([*edge, verb, str(bundle), *more], capture_output=True, text=True, check=True).stdout
        for verb, more in {"selftest": [], "show": [], "predict": ["--file", str(one)]}.items()
    }
    assert told["selftest"].startswith("passed: 8 of 8")
    assert "array, 8 x 8 x 1 float32, divided by 16" in told["show"]
    assert told["predict"].split()[1] == "0"


def test_a_finished_export_is_kept(made: Path, shipped: Path) -> None:
    done = export(made, "digits.keras", "--data", "digits.npz", *USUAL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("kept") == 5


@pytest.mark.slow
def test_a_saved_model_converts_as_the_keras_model_does(made: Path, shipped: Path) -> None:
    done = export(made, "saved", "--data", "digits.npz", *USUAL[:2], "--methods", "float32", *USUAL[4:])
    assert done.returncode == 0, done.stderr
    mine, theirs = (_arrays(each / "compress/float32.npz") for each in (made / "runs/saved/latest", shipped))
    assert np.abs(mine["answer"] - theirs["answer"]).max() < 1e-5


@pytest.mark.slow
def test_a_program_of_torch_regresses_in_its_own_units(made: Path) -> None:
    arguments = ("--data", "diabetes.npz", "--task", "regress", "--label", "target", "--column", "fields")
    done = export(made, "linear.pt2", *arguments, "--methods", "float32,int8_weight", "--budget", "0.01")
    assert done.returncode == 0, done.stderr
    folder, rows = made / "runs/linear/latest", _arrays(made / "diabetes.npz")
    test = json.loads((folder / "bundle/shipped.json").read_text())["test"]["answer"]
    assert 0.35 < test["r2"] < 0.65  # ordinary least squares explains about half
    answer = load(folder / "linear.tflite").predict(rows["fields"][0]).answer.as_json()["values"]["target"]
    assert 150 < answer < 260  # 206 by least squares


WRONG = {
    "open.keras --data digits.npz": "1 to 4 fixed axes behind the batch; got (None, None, 3); save it with them fixed",
    "four.pt2 --data diabetes.npz": "expected a batch of any size or 1; got 4; save it with 1",
    "damaged.keras --data digits.npz": "damaged.keras: expected a model that loads; got: ",
    "damaged.pt2 --data digits.npz": "damaged.pt2: expected a program of torch.export.save; got: ",
    "absent.keras --data digits.npz": "absent.keras: no such file or folder; name a .keras file",
    "digits.npz --data digits.npz": "expected a .keras file, a folder with saved_model.pb, or a .pt2 file",
    "digits.keras --data digits.npz --column pixels": "has no column 'pixels'; it has image, label",
    "digits.keras --data odd.npz": "row 1: image: expected an array of shape (8, 8, 1); got (4, 8)",
    "digits.keras --data digits.npz --labels zero,one": "expected 10 labels, one for each output of the model; got 2",
    "digits.keras --data digits.npz --budget 2": "compress.max_accuracy_drop: expected",
    "digits.keras --data digits.npz --set task.outputs=probabilities": "the model gives numbers",
    "digits.keras --data digits.npz --max-size 1kB --methods float32": "is above 1.00 kB; raise device.max_size",
    "digits.keras": "data: expected a value; it is missing",
    "determinant.keras --data digits.npz": (
        "determinant.keras: expected operators that convert; got: 'tf.MatrixDeterminant' op is neither a custom op nor "
        "a flex op; use other layers, or fixed shapes"
    ),
    "eigen.pt2 --data diabetes.npz --task regress --label target --column fields": (
        "eigen.pt2: expected operators that convert; got: Lowering not found: aten._linalg_eigh.default; use other "
        "layers"
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.items(), ids=WRONG)
def test_what_is_wrong_is_told_in_one_line(made: Path, shipped: Path, arguments: str, expected: str) -> None:
    for name in ("damaged.keras", "damaged.pt2"):
        (made / name).write_bytes(b"PK\3\4 and then nothing that is one")
    done = export(made, *arguments.split())
    assert done.stderr, done.stdout
    assert done.returncode in range(1, 9)
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1


def _arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as found:
        return dict(found)
