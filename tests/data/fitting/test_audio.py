from typing import Any

import numpy as np
import pytest

from mgdist.data.fitting.audio import fit_audio
from mgdist.errors import DataError
from mgdist.job.audio import AudioSpec
from mgdist_edge.audio import AudioInput
from mgdist_edge.windows import Window

CLIPS = [np.random.default_rng(n).normal(0, 0.01 * (n + 1), 1000 + 300 * n).astype(np.float32) for n in range(6)]
LEVELS = {"segment": Window(10, 1), "clip": Window(8, None)}


def fit(values: Any = CLIPS, levels: dict[str, Window] = LEVELS, **asked: Any) -> AudioInput:
    return fit_audio(values, AudioSpec(kind="audio", **{"rate": 8000, "mels": 20, **asked}), levels)


def test_bands_have_mean_0_and_deviation_1_over_all_frames() -> None:
    frames = np.concatenate([fit().views(clip).samples[0] for clip in CLIPS])
    assert len(frames) == sum(1 + (len(clip) - 200) // 80 for clip in CLIPS)
    np.testing.assert_allclose(frames.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(frames.std(0), 1, atol=1e-5)


@pytest.mark.parametrize("what", ["mean", "spread"])
def test_bands_have_deviation_1_also_where_each_recording_is_levelled_out(what: str) -> None:
    fitted = fit(level_out=what)
    frames = [fitted.views(clip).samples[0] for clip in CLIPS]
    assert fitted.level_out == what
    np.testing.assert_allclose([each.mean(0) for each in frames], 0, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(frames).std(0), 1, atol=1e-5)


def test_bands_are_fitted_to_what_is_left_of_each_recording() -> None:
    clips = [np.concatenate([np.full(2000, 1e-4, np.float32), clip, np.zeros(700, np.float32)]) for clip in CLIPS]
    fitted = fit(clips, trim=25, level_out="loudest")
    assert fitted.quiet == pytest.approx(10**-2.5)
    frames = [fitted.views(clip).samples[0] for clip in clips]
    assert all(len(each) <= 1 + (len(clip) + 320 - 200) // 80 for each, clip in zip(frames, CLIPS, strict=True))
    np.testing.assert_allclose(np.concatenate(frames).mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(np.concatenate(frames).std(0), 1, atol=1e-5)


def test_times_become_readings_and_the_first_level_reads_every_frame() -> None:
    fitted = fit(frame=0.032, hop=0.016, longest=0.5)
    assert (fitted.spectrum.frame, fitted.spectrum.hop, fitted.spectrum.highest) == (256, 128, 4000)
    assert fitted.longest == 1 + (4000 - 256) // 128
    assert fitted.levels["segment"] == Window(10, 1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"frame": 0.0001, "hop": 0.00005},
            "data.input.frame: expected at least 2 readings a frame and 1 a hop; got 1 and 0",
        ),
        (
            {"mels": 200},
            "data.input.mels: {} of 200 bands lie between two frequencies of a frame; make mels smaller, or "
            "frame longer",
        ),
        ({"values": []}, "data.input: expected at least one recording to fit to; got none"),
        (
            {"values": [CLIPS[0], b"123"]},
            "data.input: row 2: expected bytes of int16, WAV or FLAC; got 3 bytes, an odd number",
        ),
        (
            {"values": [np.zeros(4000, np.int16)]},
            "data.input: band 1 of 20 never changes: the recordings are silent there; make fmax smaller, fmin "
            "larger, or floor smaller",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as refused:
        fit(**changed)
    said = str(refused.value)
    assert said == message.format(said.split()[1])
