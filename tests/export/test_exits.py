"""Choosing when reading may stop."""

from pathlib import Path

import numpy as np
import pytest

from mgdist.export.candidates import Shipped, ship
from mgdist.export.exits import EarlyExit, Readings, check_cost, choose_exit, schedules
from mgdist_edge.exits import Exit
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.predictor import load
from mgdist_edge.selftest import require_passed, selftest
from tests.export.line import CREATED, Compressed
from tests.train import corpus

CHECKS, CHECK = (2, 4, 8), 8.0


def readings(rows: int = 1000, wrong: float = 0.0) -> Readings:
    """Return documents of 40 units of which half are sure after 4, a share of these wrongly; the rest guess before the
    end, as all do after 2."""
    drawn, numbers = np.random.default_rng(0), np.arange(rows)
    targets, sure = drawn.integers(0, 2, rows), numbers % 2 == 0
    mistaken = sure & (numbers // 2 % round(1 / wrong) == 0) if wrong else np.zeros(rows, bool)
    outputs = np.full((rows, len(CHECKS) + 1, 2), 0.5, np.float32)
    for place, confidence in enumerate((0.55, 0.9, 0.9, 0.9)):
        known = np.where(mistaken & (place < len(CHECKS)), 1 - targets, targets)
        guesses = (place == 0) | (~sure & (place < len(CHECKS)))
        said = np.where(guesses, drawn.integers(0, 2, rows), known)
        told = np.where(sure | (place == len(CHECKS)), confidence, 0.6).astype(np.float32)
        outputs[np.arange(rows), place, said] = told
        outputs[np.arange(rows), place, 1 - said] = 1 - told
    return Readings(CHECKS, outputs, np.full(rows, 40), targets, CHECK)


def test_reading_stops_where_it_costs_least_within_the_budget() -> None:
    found = choose_exit(readings(), 0.005)
    assert found is not None
    exit, drop = found
    assert exit.units == (4,)
    assert 0.6 < exit.confidence <= 0.9001
    assert drop == 0
    stops = readings().stops(exit)
    assert readings().work(exit, stops) == (4 + 40) / 2 + CHECK
    assert (stops == 1).mean() == 0.5


def test_a_drop_that_may_be_larger_on_other_rows_is_too_large() -> None:
    # 0.4 % of the rows become wrong: within the budget as seen, but not with the margin of so few rows.
    few, many = readings(wrong=0.008), readings(rows=40_000, wrong=0.008)
    exit = Exit((4,), 0.7)
    for each in (few, many):
        assert each.drops(each.stops(exit)).mean() == pytest.approx(0.004)
    assert choose_exit(few, 0.005) is None
    found = choose_exit(many, 0.005)
    assert found is not None
    assert found[0].units == (4,)


def test_nothing_is_chosen_where_no_document_is_long_enough() -> None:
    short = readings()
    assert choose_exit(Readings((), short.outputs[:, -1:], np.ones(1000, int), short.targets, CHECK), 0.5) is None


@pytest.mark.parametrize(("fixed", "expected"), [(40e-6, 8.0), (25e-6, 4.0), (1e-6, 0.25), (0.0, 1 / 16), (1.0, 64.0)])
def test_a_check_costs_what_it_takes_beside_a_unit(fixed: float, expected: float) -> None:
    units = np.array([1, 2, 5, 9, 40])
    seconds = np.zeros((len(units), len(CHECKS) + 1))
    for row, count in enumerate(units):
        for place, read in enumerate([*(each for each in CHECKS if each < count), count]):
            seconds[row, place] = fixed + 5e-6 * read
    assert check_cost(CHECKS, units, seconds) == expected


def test_checks_come_at_first_and_after_some_times_more() -> None:
    found = list(schedules((1, 2, 3, 4, 8)))
    assert (1,) in found
    assert (1, 2, 4, 8) in found
    assert (1, 3) in found
    assert (1, 4) in found
    assert len(found) == len(set(found))


def test_what_was_measured_is_told_and_kept() -> None:
    found = EarlyExit((4, 8), 0.58, "sentence", 0.004, 0.857, 0.858, 0.8, 0.3, 0.2, 0.5)
    assert EarlyExit.from_json(found.as_json()) == found
    assert str(found) == (
        "Early exit: reading stops after 4 or 8 sentences once a label has 58.0%, chosen on the validation split: "
        "accuracy 0.8570 on the test split, 0.8580 where all is read; 80% of the documents stop early, 30% of the "
        "sentences are read; mean 0.200 ms, 0.500 where all is read (2.50 times less)."
    )
    assert found.metrics["exit_read"] == pytest.approx(0.3)


def test_what_ships_carries_an_exit_and_tells_what_it_saves(
    compressed: Compressed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The documents have four sentences at most, of which none is worth a check.
    monkeypatch.setattr("mgdist.export.exits.check_cost", lambda *_: 0.0)
    job, data = corpus.moved(compressed.job, compress__exit={"max_accuracy_drop": 1.0}), compressed.dataset
    way, levels = compressed.measured, compressed.converted.levels
    ship(job, data, levels, way, compressed.folder, compressed.test, CREATED, tmp_path)
    shipped, predictor = Shipped.open(tmp_path), load(tmp_path / "small.tflite")
    found = shipped.exit
    assert found is not None
    assert predictor.bundle.manifest.exit == found.exit == predictor.exit
    assert found.granularity == "sentence"
    answers = [predictor.predict(text) for text in data.test.raws[ONLY_INPUT]]
    right = [
        data.labels.index(each.label) == target
        for each, target in zip(answers, data.test.targets[ONLY_HEAD], strict=True)
    ]
    assert found.accuracy == pytest.approx(np.mean(right))
    assert found.whole == shipped.test[ONLY_HEAD].metrics["accuracy"]
    assert found.stopped == np.mean([each.stopped_after is not None for each in answers]) > 0
    assert 0 < found.read < 1
    manifest, readme = predictor.bundle.manifest, predictor.bundle.readme
    assert manifest.metrics["exit_accuracy"] == found.accuracy
    assert readme is not None
    assert f"{found} `--exit off` reads all" in readme
    valid = [predictor.predict(text) for text in data.valid.raws[ONLY_INPUT]]
    counts = [sum(each.label == label for each in valid) for label in data.labels]
    assert manifest.usual[ONLY_HEAD].answered == pytest.approx(np.array(counts) / len(valid), abs=1e-6)
    require_passed(selftest(predictor), predictor)


def test_what_ships_has_no_exit_where_none_saves_anything(compressed: Compressed, tmp_path: Path) -> None:
    job = corpus.moved(compressed.job, compress__exit={})
    way, levels = compressed.measured, compressed.converted.levels
    ship(job, compressed.dataset, levels, way, compressed.folder, compressed.test, CREATED, tmp_path)
    assert Shipped.open(tmp_path).exit is None
    assert load(tmp_path / "small.tflite").exit is None
