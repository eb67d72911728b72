from dataclasses import replace

from mgdist.export.card import card
from mgdist_edge.bundle import Bundle
from tests.export.line import Compressed


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
