import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from mgdist.compress.quantize import quantize
from mgdist.evaluate.scores import quality, score
from mgdist.export.candidates import Shipped, candidates, open_candidates, open_skipped, ship
from mgdist.export.measure import FEWEST_GOLDEN, LONGEST_GOLDEN, golden_of
from mgdist.export.measured import Answers
from mgdist.export.verify import answers
from mgdist_edge.bundle import Bundle
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.predictor import load
from mgdist_edge.selftest import require_passed, selftest
from tests.data.rows import animals, files, write_jsonl
from tests.export.line import CREATED, METHODS, Compressed
from tests.train.corpus import moved


def test_each_method_is_measured_told_and_kept(compressed: Compressed) -> None:
    assert [candidate.method for candidate in compressed.measured] == METHODS
    assert compressed.told == compressed.measured[::-1], "the smallest first"


def test_a_candidates_numbers_are_those_of_its_bundle(compressed: Compressed) -> None:
    for candidate in compressed.measured:
        path = compressed.folder / f"{candidate.method}.bundle.tflite"
        valid = compressed.dataset.valid
        found = score(compressed.dataset.tasks, answers(path, valid), valid.targets)
        assert (candidate.size, candidate.quality) == (path.stat().st_size, quality(found))
        assert candidate.quality == found[ONLY_HEAD].metrics["accuracy"]
        assert 0 < candidate.latency < 1
        assert 5e6 < candidate.memory < 5e8
        assert sum(candidate.weights.values()) == pytest.approx(1)


def test_float32_equals_the_network_and_int8_is_near_it_and_smaller(compressed: Compressed) -> None:
    float32, int8 = compressed.measured
    assert float32.parity.difference < 1e-5
    assert float32.parity.equal == 1.0
    assert int8.parity.difference < 0.02
    assert int8.parity.examples == len(compressed.dataset.valid)
    bare = [(compressed.folder / f"{method}.tflite").stat().st_size for method in METHODS]
    assert bare[1] < bare[0]


@pytest.fixture(scope="module")
def again(compressed: Compressed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the candidates of one more format for a device that only the smallest fits, float32 not asked for."""
    folder: Path = tmp_path_factory.mktemp("again")
    limits = {"compress__methods": ["float32", "float16", "int8_dynamic"], "device__max_size": compressed.told[0].size}
    about = (moved(compressed.job, **limits), compressed.dataset, compressed.converted, compressed.valid, CREATED)
    candidates(*about, folder, compressed.measured_before, lambda _: None, always=())
    return folder


def test_what_is_too_large_is_made_and_not_scored(compressed: Compressed, again: Path) -> None:
    told = [(each.method, each.why) for each in open_skipped(again)]
    assert told == [("float16", "larger than device.max_size"), ("float32", "larger than device.max_size")]
    assert open_skipped(again)[0].size == (again / "float16.bundle.tflite").stat().st_size


def test_a_file_that_was_measured_is_not_measured_again(compressed: Compressed, again: Path) -> None:
    (int8,) = open_candidates(again)
    assert int8 == compressed.told[0], "its latency and its memory too, to the last digit"
    assert len(list(compressed.measured_before.glob("*.npz"))) == len(METHODS)


def test_a_format_that_comes_to_the_same_file_is_known_by_its_content(compressed: Compressed, tmp_path: Path) -> None:
    mixed = quantize(compressed.converted.path, "mixed", tmp_path / "mixed.tflite", formats={})
    assert mixed.path.read_bytes() == (compressed.folder / "int8_dynamic.tflite").read_bytes()


def test_what_is_scored_in_any_case_answers_beside_each_other(compressed: Compressed, tmp_path: Path) -> None:
    sent = list[Callable[[], Answers]]()

    def spread(works: Sequence[Callable[[], Answers]]) -> list[Answers]:
        sent.extend(pickle.loads(pickle.dumps(works)))
        assert not list((tmp_path / "measured").glob("*.json")), "nothing is timed beside them"
        return [work() for work in sent]

    about = (compressed.job, compressed.dataset, compressed.converted, compressed.valid, CREATED)
    (tmp_path / "compress").mkdir()
    for _ in range(2):  # what is known by then is not sent again
        candidates(*about, tmp_path / "compress", tmp_path / "measured", lambda _: None, spread=spread)
        assert len(sent) == len(METHODS)
    found = {each.method: each for each in open_candidates(tmp_path / "compress")}
    for before in compressed.measured:
        assert (found[before.method].quality, found[before.method].parity) == (before.quality, before.parity)


@pytest.fixture(scope="module")
def shipped(compressed: Compressed, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    folder: Path = tmp_path_factory.mktemp("shipped")
    way, levels = compressed.measured, compressed.converted.levels
    ship(compressed.job, compressed.dataset, levels, way, compressed.folder, compressed.test, CREATED, folder)
    return Shipped.open(folder)


def test_what_ships_is_scored_on_the_test_split(compressed: Compressed, shipped: Shipped) -> None:
    assert shipped.bundle.name == "small.tflite"
    assert shipped.test[ONLY_HEAD].examples == shipped.parity.examples == len(compressed.dataset.test)
    again = answers(shipped.bundle, compressed.dataset.test)
    assert score(compressed.dataset.tasks, again, compressed.dataset.test.targets) == shipped.test


def test_what_ships_tells_its_numbers_its_data_and_its_job(compressed: Compressed, shipped: Shipped) -> None:
    manifest = Bundle.open(shipped.bundle).manifest
    assert manifest.metrics["accuracy"] == shipped.test[ONLY_HEAD].metrics["accuracy"]
    assert manifest.metrics["valid_quality"] == compressed.measured[1].quality
    assert manifest.parity["difference"] == shipped.parity.difference
    assert (manifest.method, manifest.created) == ("int8_dynamic", CREATED)
    assert manifest.data_digest == compressed.dataset.digest
    assert manifest.labels == compressed.dataset.labels
    assert manifest.tasks == compressed.dataset.tasks
    assert manifest.inputs == compressed.dataset.inputs


def test_what_ships_tells_what_its_answers_usually_look_like(compressed: Compressed, shipped: Shipped) -> None:
    found, data = Bundle.open(shipped.bundle).manifest, compressed.dataset
    usual, predictor = found.usual[ONLY_HEAD], load(shipped.bundle)
    trained = np.bincount(data.train.targets[ONLY_HEAD], minlength=len(data.labels)) / len(data.train)
    assert usual.trained == pytest.approx(trained, abs=1e-6)
    answers = [predictor.predict(text) for text in data.valid.raws[ONLY_INPUT]]
    counts = [sum(each.label == label for each in answers) for label in data.labels]
    assert usual.answered == pytest.approx(np.array(counts) / len(answers), abs=1e-6)
    tenths = [sum(int(10 * each.probability) == place for each in answers) for place in range(9)]
    assert usual.confidence[:9] == pytest.approx(np.array(tenths) / len(answers), abs=1e-6)
    assert sum(usual.confidence) == pytest.approx(1)


def test_what_ships_passes_its_selftest(shipped: Shipped) -> None:
    predictor = load(shipped.bundle)
    require_passed(selftest(predictor), predictor)


def test_the_golden_examples_are_real_documents_from_short_to_long(compressed: Compressed, shipped: Shipped) -> None:
    texts = [example.raws[ONLY_INPUT] for example in Bundle.open(shipped.bundle).golden.examples]
    assert len(texts) == 8
    assert set(texts) <= set(compressed.dataset.valid.raws[ONLY_INPUT])
    assert texts == sorted(texts, key=len)


def test_a_split_of_long_documents_gives_its_shortest_as_golden(tmp_path: Path) -> None:
    from mgdist.data.prepare import prepare

    rows = animals(40)
    for number, row in enumerate(rows):
        row["text"] += " again" * (LONGEST_GOLDEN // 6 + number)
    dataset = prepare(files(write_jsonl(tmp_path / "train.jsonl", rows)), tmp_path / "data")
    shard = dataset.valid
    golden = golden_of(shard, {ONLY_HEAD: np.full((len(shard), 2), 0.5, np.float32)})
    shortest = min(shard.raws[ONLY_INPUT], key=len)
    assert [example.raws for example in golden.examples] == [{ONLY_INPUT: shortest}]


def test_small_bundles_are_not_mostly_golden_examples(compressed: Compressed) -> None:
    shard = compressed.dataset.valid
    many = golden_of(shard, {ONLY_HEAD: np.full((len(shard), 2000), 1 / 3, np.float32)})
    assert len(many.examples) == FEWEST_GOLDEN
    assert set(many.examples[0].outputs[ONLY_HEAD]) == {0.33333334}
