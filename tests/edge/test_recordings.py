import builtins
import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from mgdist_edge.errors import InputError
from mgdist_edge.recordings import decode

RATE = 8000
TONE = np.round(20_000 * np.sin(np.arange(400) / 7)).astype(np.int16)
READINGS = (TONE / 32768).astype(np.float32)


def wav(data: bytes, width: int = 2, channels: int = 1, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, width, rate, 0, "NONE", ""))
        writer.writeframes(data)
    return file.getvalue()


def encoded(kind: str, subtype: str, readings: Any = TONE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, readings, RATE, format=kind, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    "raw", [TONE, TONE.tobytes(), wav(TONE.tobytes()), READINGS, READINGS.astype(np.float64), encoded("FLAC", "PCM_16")]
)
def test_the_same_recording_is_the_same_readings_in_every_form(raw: Any) -> None:
    found = decode(raw, RATE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, READINGS)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 1 / 128), ("PCM_16", 0), ("PCM_24", 0), ("PCM_32", 0), ("FLOAT", 0)]
)
def test_wav_of_all_widths_is_read_as_soundfile_does(kind: str, subtype: str, step: float) -> None:
    raw = encoded(kind, subtype, READINGS if subtype == "FLOAT" else TONE)
    np.testing.assert_array_equal(decode(raw, RATE), soundfile.read(io.BytesIO(raw), dtype="float32")[0])
    np.testing.assert_allclose(decode(raw, RATE), READINGS, atol=step)


def test_channels_become_their_mean() -> None:
    two = np.stack([TONE, np.zeros_like(TONE)], axis=1)
    for raw in (wav(two.tobytes(), channels=2), encoded("FLAC", "PCM_16", two)):
        np.testing.assert_array_equal(decode(raw, RATE), READINGS / 2)


def test_a_path_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(TONE.tobytes()))
    np.testing.assert_array_equal(decode(path, RATE), READINGS)
    np.testing.assert_array_equal(decode(str(path), RATE), READINGS)


def test_a_stream_of_unknown_length_is_read_to_its_end() -> None:
    raw = bytearray(wav(TONE.tobytes()))
    raw[40:44] = b"\xff" * 4
    np.testing.assert_array_equal(decode(bytes(raw), RATE), READINGS)


GOOD = wav(TONE.tobytes())
ALAW = GOOD[:20] + struct.pack("<H", 6) + GOOD[22:]
WRONG = [
    (b"", "expected a recording with at least one reading; got an empty one"),
    (np.array([], np.int16), "expected a recording with at least one reading; got an empty one"),
    (wav(b""), "expected a recording with at least one reading; got an empty one"),
    (b"123", "expected bytes of int16, WAV or FLAC; got 3 bytes, an odd number"),
    ([1, 2], "expected a recording as an array, bytes or the path of a file; got list"),
    (None, "expected a recording as an array, bytes or the path of a file; got NoneType"),
    (np.array([0.1, np.nan]), "expected finite readings; got NaN or infinity"),
    (np.array([0.1, -np.inf]), "expected finite readings; got NaN or infinity"),
    (encoded("WAV", "FLOAT", np.array([0.1, np.nan])), "expected finite readings; got NaN or infinity"),
    (TONE.astype(np.float32), "expected readings from -1 to 1; got 20000; divide int16 values by 32768"),
    (TONE.astype(np.int32), "expected readings of int16, or of float from -1 to 1; got int32"),
    (np.zeros((2, 5)), "expected readings along one axis; got shape (2, 5); take the mean of the channels"),
    (
        wav(TONE.tobytes(), rate=16000),
        "expected 8000 readings a second; got 16000; resample it, for instance ffmpeg -ar 8000",
    ),
    (GOOD[:-10], "expected a whole WAV file; it was cut off 10 bytes early"),
    (GOOD[:30], "expected a whole WAV file; it was cut off 6 bytes early"),
    (GOOD[:12], "expected a WAV file with a format and data; got one without; it is damaged"),
    (b"RIFF\0\0\0\0AVI ....", "expected a WAV file; got another RIFF file"),
    (ALAW, "expected WAV of 8, 16, 24 or 32 bits without compression; got code 6 of 16 bits"),
]


@pytest.mark.parametrize(("raw", "message"), WRONG, ids=[message[:40] for _, message in WRONG])
def test_what_is_no_recording_is_refused(raw: Any, message: str) -> None:
    with pytest.raises(InputError) as refused:
        decode(raw, RATE)
    assert str(refused.value) == message


def test_a_wav_that_ends_in_the_midst_of_a_reading_is_refused() -> None:
    raw = bytearray(GOOD[:-1])
    raw[40:44] = b"\xff" * 4
    with pytest.raises(
        InputError, match=r"^expected a WAV file with whole readings; its data ends in the midst of one"
    ):
        decode(bytes(raw), RATE)


def test_a_damaged_flac_is_refused() -> None:
    with pytest.raises(InputError, match=r"^expected a FLAC file; .*; it is damaged$"):
        decode(encoded("FLAC", "PCM_16")[:20], RATE)


def test_flac_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "soundfile":
            raise ImportError(name)
        return original(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError) as refused:
        decode(b"fLaC....", RATE)
    assert str(refused.value) == "FLAC needs the package soundfile; pip install soundfile, or hand in WAV"


def test_a_path_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file that can be read; got: .*No such file"):
        decode(tmp_path / "none.wav", RATE)
    (tmp_path / "song.mp3").write_bytes(b"ID3....")
    with pytest.raises(
        InputError, match=r"song.mp3: expected a WAV or FLAC file; got another; convert it, for instance"
    ):
        decode(tmp_path / "song.mp3", RATE)
