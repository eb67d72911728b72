import json
from pathlib import Path
from time import perf_counter

from mgdist_edge.bench import bench, peak_bytes
from mgdist_edge.bundle import Bundle
from tests.edge.conftest import documents


def test_times_and_memory_are_plausible(small: Bundle, tmp_path: Path) -> None:
    texts, path = documents(), tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    found = bench(small.path, path, threads=1, started=perf_counter())
    assert found.documents == len(texts)
    assert 0 < found.p50_ms <= found.p95_ms < 1000
    assert max(found.cut_p50_ms, found.model_p50_ms) <= found.p50_ms
    assert found.cold_start_s * 1000 >= found.first_ms > 0
    assert found.bundle_bytes == small.size
    assert found.threads == 1


def test_the_peak_is_that_of_this_process_and_never_falls() -> None:
    before = peak_bytes()
    assert before > 10 * 2**20
    taken = bytearray(before)
    taken[::4096] = b"x" * len(taken[::4096])
    assert peak_bytes() >= before
