from typing import Any

import pytest
from pydantic import ValidationError

from mgdist.job.audio import AudioSpec


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"rate": 8000, "fmin": 4000}, "expected fmin below 4000 Hz; got 4000"),
        ({"rate": 8000, "fmax": 5000}, "expected fmax of at most half the rate, 4000 Hz; got 5000"),
        (
            {"rate": 8000, "frame": "20 ms", "hop": "30 ms"},
            "expected hop of at most frame, 0.02 s; got 0.03; readings would be lost",
        ),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AudioSpec(kind="audio", **asked)
    assert refused.value.errors()[0]["msg"] == f"Value error, {message}"


def test_times_are_written_with_their_unit() -> None:
    assert AudioSpec(kind="audio", rate=8000, frame="32 ms", hop="16 ms").hop == 0.016
