from dataclasses import replace

from mgdist.export.card import card
from mgdist_edge.bundle import Bundle
from tests.export.line import Compressed


def test_a_card_names_every_signature_with_its_shapes(compressed: Compressed) -> None:
    from mgdist_edge.runtime import Runtime

    bundle = Bundle.open(compressed.folder / "float32.bundle.tflite")
    text = card(bundle.manifest, compressed.job)
    assert Runtime(bundle)
    assert "- `word_N` for N in [1, 2]: `ids` int32 (N, 12, 1) -> `vectors` float32 (N, 32)\n" in text
    assert "- `sentence_N` for N in [1]: `samples` float32 (N, 4, 32), `mask` float32 (N, 4) -> " in text
    assert "- `head`: `word` float32 (1, 32), `sentence` float32 (1, 16) -> `answer` float32 (1, 3)\n" in text


def test_a_card_tells_what_was_measured_and_under_which_licence(compressed: Compressed) -> None:
    manifest = Bundle.open(compressed.folder / "float32.bundle.tflite").manifest
    text = card(replace(manifest, metrics={"accuracy": 0.91234}, license="CC0-1.0"), compressed.job)
    assert text.startswith("# small\n\nReads text and answers:\n\n- `answer`: one of 3 labels, with probabilities\n")
    assert "| accuracy | 0.9123 |\n" in text
    assert "Licence: CC0-1.0.\n" in text
    assert "Licence: not stated.\n" in card(replace(manifest, license=None), compressed.job)
