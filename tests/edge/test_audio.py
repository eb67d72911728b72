import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mgdist_edge.audio import AudioInput, LevelOut, levelled, read_audio, trimmed
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.fields import Fields
from mgdist_edge.mel import MelSpectrum
from mgdist_edge.windows import Window

SPECTRUM = MelSpectrum(8000, 200, 80, 8, 0.0, 4000.0)
MEAN, STD = tuple(-5.0 - band for band in range(8)), (2.0,) * 8
BUILT = {"segment": Window(5, 1), "clip": Window(4, None)}


def audio(longest: int = 1000, **levels: Window) -> AudioInput:
    return AudioInput(levels or BUILT, SPECTRUM, longest, MEAN, STD)


def noise(frames: int) -> np.ndarray:
    return np.random.default_rng(frames).normal(0, 0.1, 200 + 80 * (frames - 1)).astype(np.float32)


def test_samples_are_frames_in_units_of_the_trainings_spread() -> None:
    views = audio().views(noise(13))
    assert [lengths.tolist() for lengths in views.lengths] == [[5, 5, 3], [3]]
    assert views.samples[1] is None
    expected = (SPECTRUM.of(noise(13)) - np.array(MEAN)) / 2
    np.testing.assert_array_equal(views.samples[0], expected.astype(np.float32))
    assert audio().channels == {"segment": 8}


def test_a_clip_may_read_the_frames_itself_averaged() -> None:
    fitted = audio(segment=Window(5, 1), clip=Window(10, 4))
    fine, coarse = fitted.views(noise(13)).samples
    assert fine is not None
    assert fitted.channels == {"segment": 8, "clip": 8}
    expected = [fine[:4].mean(0), fine[4:8].mean(0), fine[8:12].mean(0), fine[12]]
    np.testing.assert_allclose(coarse, expected, atol=1e-6)
    assert [lengths.tolist() for lengths in fitted.views(noise(13)).lengths] == [[5, 5, 3], [4]]


@pytest.mark.parametrize(
    ("levels", "longest", "frames"),
    [
        (BUILT, 1000, 20),
        (BUILT, 7, 7),
        ({"clip": Window(6, 3)}, 1000, 18),
        ({"segment": Window(5, 1), "clip": Window(6, 3)}, 1000, 18),
        ({"segment": Window(5, 1)}, 1000, 30),
        ({"segment": Window(5, 1)}, 25, 25),
    ],
)
def test_what_does_not_fit_is_left_out(levels: dict[str, Window], longest: int, frames: int) -> None:
    fitted = audio(longest, **levels)
    found, expected = fitted.views(noise(30)), fitted.views(noise(30)[: 200 + 80 * (frames - 1)])
    for samples, others in zip(found.samples, expected.samples, strict=True):
        assert (samples is None) == (others is None)
        if samples is not None and others is not None:
            np.testing.assert_array_equal(samples, others)
    assert [lengths.tolist() for lengths in found.lengths] == [lengths.tolist() for lengths in expected.lengths]
    assert "clip" not in levels or len(found.lengths[-1]) == 1


def test_readings_that_were_checked_have_the_same_views() -> None:
    raw = (noise(9) * 32768).astype(np.int16)
    first, again = audio().views(raw), audio().views(audio().read(raw.tobytes()))
    np.testing.assert_array_equal(first.samples[0], again.samples[0])


def test_the_shortest_recording_is_one_frame() -> None:
    assert [lengths.tolist() for lengths in audio().views(np.array([0.5])).lengths] == [[1], [1]]


def test_an_empty_recording_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected a recording with at least one reading; got an empty one$"):
        audio().views(b"")


def manifest(change: Callable[[dict[str, Any]], object] = lambda said: None) -> Fields:
    said = json.loads(json.dumps(audio().as_json()))
    change(said)
    return Fields(said, "manifest.json: input")


def test_a_manifest_gives_the_same_input() -> None:
    assert read_audio(manifest()) == audio()


BOUNDS = "0 <= lowest < highest <= rate / 2, and floor > 0"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(std=[0.0] * 8), ".std: expected numbers above 0; got 0.0"),
        (lambda s: s.update(mean=[0.0] * 2), ".mean: expected a list of 8 to 8 values; got [0.0, 0.0]"),
        (lambda s: s.update(longest=0), ".longest: expected a whole number from 1 to 16777216; got 0"),
        (lambda s: s["spectrum"].update(highest=4001), f".spectrum: expected {BOUNDS}; got others"),
        (lambda s: s["spectrum"].update(floor=0), f".spectrum: expected {BOUNDS}; got others"),
        (
            lambda s: s.update(levels={"clip": s["levels"]["clip"], "segment": s["levels"]["segment"]}),
            ".levels: expected one or more of segment, clip in this order; got ['clip', 'segment']",
        ),
        (
            lambda s: s["levels"]["segment"].update(scale=None),
            ".levels.segment.scale: expected a whole number from 1 to 1048576; got None",
        ),
    ],
)
def test_a_wrong_manifest_is_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(BundleError) as refused:
        read_audio(manifest(change))
    assert str(refused.value) == f"manifest.json: input{message}; make the bundle again"


def test_a_newer_mel_scale_is_refused() -> None:
    with pytest.raises(BundleError, match=r"spectrum.scale: expected slaney or htk; got 'bark'; upgrade mgdist-edge$"):
        read_audio(manifest(lambda s: s["spectrum"].update(scale="bark")))


@pytest.mark.parametrize("what", ["mean", "spread"])
def test_how_loud_and_how_coloured_a_recording_is_can_be_levelled_out(what: LevelOut) -> None:
    fitted = replace(audio(), level_out=what, mean=(0.0,) * 8, std=(1.0,) * 8)
    quiet, loud = (fitted.views(noise(30) * volume).samples[0] for volume in (0.1, 0.5))
    assert quiet is not None
    assert loud is not None
    np.testing.assert_allclose(quiet, loud, atol=1e-4)
    np.testing.assert_allclose(quiet.mean(0), 0, atol=1e-5)
    assert np.allclose(quiet.std(0), 1, atol=1e-5) == (what == "spread")
    assert read_audio(Fields(json.loads(json.dumps(fitted.as_json())), "manifest.json: input")) == fitted


def test_how_loud_a_recording_is_can_be_taken_out_alone() -> None:
    fitted = replace(audio(), level_out="loudest", mean=(0.0,) * 8, std=(1.0,) * 8)
    quiet, loud = (fitted.views(noise(30) * volume).samples[0] for volume in (0.1, 0.5))
    assert quiet is not None
    assert loud is not None
    np.testing.assert_allclose(quiet, loud, atol=1e-4)
    assert loud.max() == 0
    frames = SPECTRUM.of(noise(30), len(loud))
    np.testing.assert_allclose(loud, frames - frames.max(), atol=1e-5)


def test_quiet_ends_are_left_out() -> None:
    word, room = noise(13), np.random.default_rng(0).normal(0, 0.001, 4000).astype(np.float32)
    recording = np.concatenate([room, word, room[:900], word, room[:2000]])
    found = trimmed(recording, 8000, 10**-2.5)
    start = int(np.flatnonzero(recording == found[0])[0])
    # The loudness of a reading is that of 80 before and behind it, and 80 more are kept.
    assert 4000 - 160 <= start <= 4000 - 80
    end, last = start + len(found), 4000 + 2 * len(word) + 900
    assert last + 80 <= end <= last + 160
    np.testing.assert_array_equal(found, recording[start:end])
    for kept in (np.zeros(500, np.float32), word, np.array([0.5], np.float32)):
        np.testing.assert_array_equal(trimmed(kept, 8000, 10**-2.5), kept)
    assert trimmed(recording, 8000, 0.0) is recording


def test_frames_are_those_of_what_is_left_of_a_recording() -> None:
    fitted = replace(audio(), quiet=0.01)
    recording = np.concatenate([np.zeros(3000, np.float32), noise(13), np.zeros(3000, np.float32)])
    np.testing.assert_array_equal(
        fitted.views(recording).samples[0], audio().views(trimmed(recording, 8000, 0.01)).samples[0]
    )
    assert read_audio(Fields(json.loads(json.dumps(fitted.as_json())), "manifest.json: input")) == fitted
    with pytest.raises(BundleError, match=r"quiet: expected a number from 0 to 1; got 1\.5; make the bundle again$"):
        read_audio(manifest(lambda s: s.update(quiet=1.5)))


def test_a_band_in_which_nothing_is_heard_is_not_made_louder() -> None:
    frames = np.array([[1.0, 5.0], [1.0, 7.0], [1.001, 9.0]])
    assert np.abs(levelled(frames, "spread")[:, 0]).max() < 0.01


def test_what_a_newer_version_levels_out_is_refused() -> None:
    with pytest.raises(
        BundleError, match=r"level_out: expected nothing, loudest, mean or spread; got 'x'; upgrade mgdist-edge$"
    ):
        read_audio(manifest(lambda s: s.update(level_out="x")))
