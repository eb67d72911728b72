import json
from pathlib import Path
from time import perf_counter, sleep

from mgdist_edge.bench import bench, peak_bytes
from mgdist_edge.bundle import Bundle
from mgdist_edge.sensors import Board, rails
from tests.edge.conftest import documents


def test_times_and_memory_are_plausible(small: Bundle, tmp_path: Path) -> None:
    texts, path = documents(), tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    found = bench(small.path, path, threads=1, started=perf_counter())
    assert found.documents == len(texts)
    assert 0 < found.p50_ms <= found.p95_ms <= found.p99_ms < 1000
    assert list(found.levels_ms) == [*(level.key for level in small.manifest.levels), "head"]
    assert 0 < max(found.levels_ms.values()) < 1000
    assert None not in found.as_json().values()
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


def test_a_brief_bench_asks_no_sensor(small: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"text": documents()[0]}) + "\n")
    told = bench(small.path, path, threads=1, started=perf_counter(), board=None).as_json()
    assert told["levels_ms"] == {}
    assert told["documents"] == 1
    assert not {"energy_mj", "watts", "temperature_c", "megahertz", "throttled"} & set(told)


def file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def silent(_: str) -> None:
    """A board without a Raspberry Pi's firmware."""


PMIC = """   3V3_SYS_A current(1)=0.10000000A
   VDD_CORE_A current(7)=2.00000000A
   3V3_SYS_V volt(9)=3.30000000V
   VDD_CORE_V volt(15)=0.75000000V
     EXT5V_V volt(24)=5.13000000V
"""


def test_a_board_without_sensors_tells_nothing_and_no_work_is_done(tmp_path: Path) -> None:
    board = Board(tmp_path, silent)
    done: list[int] = []
    assert board.spent(lambda: done.append(1)) is None
    assert not done
    assert (board.temperature, board.megahertz, board.throttled) == (None, None, None)


def test_the_energy_of_all_packages_is_counted_over_the_counters_end(tmp_path: Path) -> None:
    domains = {"intel-rapl:0": (900, 999), "intel-rapl:1": (100, 5000), "intel-rapl:0:0": (7, 999)}
    for name, (micro, most) in domains.items():
        file(tmp_path / "class/powercap" / name / "energy_uj", f"{micro}\n")
        file(tmp_path / "class/powercap" / name / "max_energy_range_uj", f"{most}\n")

    def work() -> None:
        for name, micro in (("intel-rapl:0", 50), ("intel-rapl:1", 400), ("intel-rapl:0:0", 900)):
            file(tmp_path / "class/powercap" / name / "energy_uj", f"{micro}\n")

    spent = Board(tmp_path, silent).spent(work)
    assert spent is not None
    assert spent.source == "RAPL"
    assert abs(spent.joules - (150 + 300) / 1e6) < 1e-12


def test_the_rails_of_a_raspberry_pi_5_are_added_up(tmp_path: Path) -> None:
    assert rails("") is None
    assert rails(None) is None
    watts = rails(PMIC)
    assert watts is not None
    assert abs(watts - (0.33 + 1.5)) < 1e-9  # what comes in has no current, and is not counted
    asked = {"pmic_read_adc": PMIC, "get_throttled": "throttled=0x50000\n"}
    board = Board(tmp_path, asked.get)
    spent = board.spent(lambda: sleep(0.25))
    assert spent is not None
    assert spent.source == "pmic_read_adc"
    assert abs(spent.joules / spent.seconds - 1.83) < 1e-9
    assert board.throttled == "0x50000"


def test_monitors_zones_and_clocks_are_read_in_their_units(tmp_path: Path) -> None:
    file(tmp_path / "class/hwmon/hwmon0/power1_input", "2500000\n")
    file(tmp_path / "class/thermal/thermal_zone0/temp", "48312\n")
    file(tmp_path / "class/thermal/thermal_zone1/temp", "broken\n")
    file(tmp_path / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1500000\n")
    file(tmp_path / "devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "2400000\n")
    board = Board(tmp_path, silent)
    spent = board.spent(lambda: None)
    assert spent is not None
    assert (spent.source, round(spent.joules / spent.seconds, 6)) == ("hwmon", 2.5)
    assert (board.temperature, board.megahertz) == (48.312, 2400.0)


def test_what_the_board_tells_stands_in_the_bench(small: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents()[:5]))
    file(tmp_path / "class/thermal/thermal_zone0/temp", "51000\n")
    asked = {"pmic_read_adc": PMIC, "get_throttled": "throttled=0x0\n"}
    told = bench(small.path, path, threads=1, started=perf_counter(), board=Board(tmp_path, asked.get)).as_json()
    assert (told["watts"], told["energy_source"], told["temperature_c"], told["throttled"]) == (
        1.83, "pmic_read_adc", 51.0, "0x0",
    )  # fmt: skip
    assert isinstance(told["energy_mj"], float)
    assert told["energy_mj"] > 0
    assert "megahertz" not in told
