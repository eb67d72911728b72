"""Examples of one size, read coarser than asked for."""

import numpy as np

from mgdist.data.stored import Dense
from mgdist_edge.series import SeriesInput
from mgdist_edge.windows import Window


def test_a_series_is_read_coarser_in_the_same_windows() -> None:
    fitted = SeriesInput(
        levels={"moment": Window(12, 1), "span": Window(9, None)},
        columns=("a", "b"),
        centre=(0.0, 0.0),
        spread=(1.0, 1.0),
        length=100,
    )
    raws = np.random.default_rng(5).normal(size=(3, 100, 2)).astype(np.float32)
    whole = Dense(raws, fitted, fitted.lengths(raws))
    rows = np.array([2, 0])
    moment, span = whole.narrowed([0, 1], {}, {0: 4}).units(rows)
    assert moment.samples is not None
    assert moment.samples.shape == (18, 3, 2)
    means = raws[rows].reshape(2, 25, 4, 2).mean(2)
    assert np.allclose(moment.samples.reshape(2, 27, 2)[:, :25], means, atol=1e-6)
    assert moment.mask.reshape(2, 27).sum(1).tolist() == [25, 25]
    assert span.members is not None
    assert np.array_equal(span.members, whole.units(rows)[1].members)
