"""The page leaves out the parts that Python leaves out, and reads the same without them."""

import numpy as np
import pytest

from mgdist_edge.image import ImageInput
from mgdist_edge.inputs import Input
from mgdist_edge.parts import parts_of
from mgdist_edge.raws import Raw
from mgdist_edge.windows import Window
from tests.edge import test_audio, test_image, test_series, test_table
from tests.edge.conftest import documents
from tests.edge.conftest import fitted as small_text
from tests.edge.test_explain import TEXT
from tests.web.port import ask, explained
from tests.web.test_views import same

PYTHON_ONLY = {"paragraph", "region"}
"""Granularities that the page does not tell."""
PIXELS = np.random.default_rng(3).integers(0, 256, (12, 12, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("fitted", "raw", "least"),
    [
        (small_text(), TEXT, 15),
        (small_text(), documents()[30], 20),
        (small_text(), "One sentence. And, (another)! " * 130, 350),
        (ImageInput(test_image.NESTED, (8, 8), (0.5,), (0.25,)), PIXELS[:8, :8, :1].copy(), 16),
        (ImageInput({"image": Window(12, 1)}, (12, 12), (0.5, 0.2, 0.7), (0.25,) * 3), PIXELS, 64),
        (test_series.reading(2), test_series.walk(23, 2), 16),
        (test_audio.audio(), test_audio.noise(13), 16),
        (test_table.table(), test_table.ROW, 4),
    ],
    ids=["marks", "text", "long", "tiles", "squares", "series", "audio", "table"],
)
def test_the_same_parts_are_left_out(fitted: Input, raw: Raw, least: int) -> None:
    (answer,) = ask([explained(fitted, raw)])
    assert "found" in answer, answer
    found = [part for part in parts_of(fitted, raw) if part.granularity not in PYTHON_ONLY]
    assert len(found) >= least
    for mine, theirs in zip(found, answer["found"], strict=True):
        assert (mine.granularity, mine.place.as_json()) == (theirs["granularity"], theirs["place"])
        same(fitted.views(mine.without()), theirs, 1e-5, 2e-5)
