"""Recordings heard faster or slower, and so higher or lower."""

import numpy as np
from numpy.typing import NDArray

from mgdist_edge.raws import Raw

STEPS = 2**15
"""Of the readings between 0 and 1, as 16 bits have them."""


def at_speed(recording: Raw, factor: float) -> NDArray[np.float32]:
    """Return a recording as if it were played faster by a factor: shorter, and all its frequencies higher.

    After Ko et al., "Audio Augmentation for Speech Recognition", Interspeech 2015. What would lie above half the rate
    is left out. Readings are rounded as 16 bits do: of a slower recording the highest frequencies are empty, and would
    be more silent than any real recording.

    Args:
        recording: (T,) readings from -1 to 1.
        factor: above 0; 1 changes nothing but the rounding.

    Returns:
        (T / factor,) readings, at least one.
    """
    from scipy.signal import resample

    assert isinstance(recording, np.ndarray), "recordings are read as arrays"
    heard: NDArray[np.float64] = resample(recording.astype(np.float64), max(1, round(len(recording) / factor)))
    rounded: NDArray[np.float64] = np.clip(np.rint(heard * STEPS) / STEPS, -1, 1)
    return rounded.astype(np.float32)
