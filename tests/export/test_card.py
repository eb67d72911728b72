import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mgdist.export.card import card
from mgdist.export.plain import program, section
from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from tests.edge.conftest import manifest as said
from tests.export.line import Compressed
from tests.web import bundles


def test_a_card_names_every_signature_with_its_shapes(compressed: Compressed) -> None:
    from mgdist_edge.runtime import Runtime

    bundle = Bundle.open(compressed.folder / "float32.bundle.tflite")
    text = card(bundle.manifest, compressed.job, compressed.measured)
    assert Runtime(bundle)
    assert "- `word_N` for N in [1, 2]: `ids` int32 (N, 12, 1) -> `vectors` float32 (N, 32)\n" in text
    assert "- `sentence_N` for N in [1]: `samples` float32 (N, 4, 32), `mask` float32 (N, 4) -> " in text
    assert "- `head`: `word` float32 (1, 32), `sentence` float32 (1, 16) -> `answer` float32 (1, 3)\n" in text


def test_a_card_tells_what_was_measured_and_under_which_licence(compressed: Compressed) -> None:
    manifest = Bundle.open(compressed.folder / "float32.bundle.tflite").manifest
    text = card(
        replace(manifest, metrics={"accuracy": 0.91234}, license="CC0-1.0"), compressed.job, compressed.measured
    )
    assert text.startswith("# small\n\nReads text and answers:\n\n- `answer`: one of 3 labels, with probabilities\n")
    assert "| accuracy | 0.9123 |\n" in text
    assert "Licence: CC0-1.0.\n" in text
    assert "Licence: not stated.\n" in card(replace(manifest, license=None), compressed.job, compressed.measured)


def test_a_card_proves_what_the_steps_cost_and_what_the_file_holds(compressed: Compressed) -> None:
    float32, int8 = compressed.measured
    pruned = replace(float32, step=2, size=1_000_000)
    text = card(Bundle.open(compressed.folder / "int8_dynamic.bundle.tflite").manifest, compressed.job, [pruned, int8])
    assert f"| float32, pruned 2 | {float32.quality:.4f} | 1.00 MB | " in text
    assert f"| int8_dynamic | {int8.quality:.4f} | " in text
    assert f"Its weights: int8 {int8.weights['int8']:.1%}" in text
    assert "| word.embedding | int8 | " in text
    assert len([line for line in text.splitlines() if line.endswith("B |")]) == len(int8.layers)


WITHOUT = "import sys; sys.modules.update(dict.fromkeys(['mgdist', 'mgdist_edge', 'torch'])); "
"""Importing one of these fails."""


def printed(text: str, bundle: Path, raw: object) -> dict[str, float]:
    """Return what the program in a README prints."""
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    command = [sys.executable, "-W", "ignore", "-c", f"{WITHOUT}exec({found[1]!r})", bundle, str(raw)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    probabilities: dict[str, float] = json.loads(done.stdout)
    return probabilities


def same(here: dict[str, float], there: dict[str, float]) -> None:
    assert list(here) == list(there)
    for label, probability in here.items():
        assert there[label] == pytest.approx(probability, abs=1e-5)


def test_the_program_for_plain_litert_answers_as_the_edge_runtime(compressed: Compressed) -> None:
    path = compressed.folder / "float32.bundle.tflite"
    text = card(Bundle.open(path).manifest, compressed.job, compressed.measured)
    long = "Anchor and coral, as it was on that sail to the harbour of this by that. "
    raw = f'The tide was "with" a reef. {long}{long}'  # one unit more than the network reads
    same(dict(load(path, replay=False).predict(raw).probabilities), printed(text, path, raw))


def test_the_program_reads_an_image_of_one_level(tmp_path: Path) -> None:
    made = bundles.digits(tmp_path / "digits.tflite")
    image = load_digits().images[5].astype(np.uint8)
    np.save(tmp_path / "five.npy", image)
    told = printed(section(made.manifest), made.path, tmp_path / "five.npy")
    same(dict(load(made.path).predict(image).probabilities), told)


def test_no_program_is_shown_where_it_would_be_wrong() -> None:
    assert program(said()) is None  # hashed n-grams
    assert section(said()) == ""
