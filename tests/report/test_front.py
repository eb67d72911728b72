import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Layer
from mgdist.compress.needless import Skipped
from mgdist.job.device import DeviceSpec
from mgdist.report.front import picture, rows
from mgdist.report.markdown import report
from tests.report.summaries import FLOAT32, INT8, summary

BEATEN = replace(INT8, method="int8_weight", size=INT8.size + 1, quality=0.8)
ALL = (FLOAT32, BEATEN, INT8)
BUDGET = Budget(0.9, 0.01, DeviceSpec(max_latency=0.004), slower=4.0)


def test_candidates_are_listed_from_small_to_large_with_what_they_cost_on_the_device() -> None:
    assert list(rows(ALL, BUDGET)) == [
        ["int8_dynamic", "0.9000", "0.90 MB", "4.92 ms", "91 MB", "yes", "latency"],
        ["int8_weight", "0.8000", "0.90 MB", "4.92 ms", "91 MB", "", "quality, latency"],
        ["float32", "0.9000", "123.46 MB", "800.40 ms", "1091 MB", "", "latency"],
    ]


def test_the_picture_shows_each_candidate_inside_of_it_and_the_budget() -> None:
    root = ElementTree.fromstring(picture(ALL, INT8, BUDGET))
    dots = [element for element in root if element.tag.endswith("circle")]
    assert len(dots) == 3
    assert all(0 < float(dot.attrib["cx"]) < 560 and 0 < float(dot.attrib["cy"]) < 320 for dot in dots)
    texts = [element.text or "" for element in root if element.tag.endswith("text")]
    assert "1  int8_dynamic 0.90 MB ships" in texts
    assert "budget 0.8900" in texts


def test_candidates_alike_in_all_do_not_stop_it() -> None:
    assert picture((INT8,), INT8, BUDGET).count("<circle") == 1


def test_the_report_tells_the_size_of_each_layer_and_what_computes_in_float() -> None:
    layers = (
        Layer("head.linear", "FULLY_CONNECTED", "float32", 1000, 100, ("a",)),
        Layer("word.embedding", "EMBEDDING_LOOKUP", "int4", 80_000, 32, ("b", "c")),
    )
    chosen = replace(INT8, layers=layers, floats={"MUL": 4, "FULLY_CONNECTED": 1})
    text = report(summary(Path("run"), chosen=chosen))
    found = re.findall(r"^\| (?:word|head)\..*", text, re.MULTILINE)
    assert found == [
        r"| word.embedding | EMBEDDING\_LOOKUP | int4 | 80,000 | 40.00 kB |",
        r"| head.linear | FULLY\_CONNECTED | float32 | 1,000 | 4.00 kB |",
    ]
    assert "Operators that compute in float, over all signatures: MUL 4, FULLY_CONNECTED 1." in text


def test_what_was_not_scored_stands_below_with_the_reason() -> None:
    skipped = (Skipped("float16", 3_000_000, "larger than device.max_size"),)
    text = report(summary(Path("run"), skipped=skipped))
    row = r"| float16 | not scored | 3.00 MB |  |  |  | larger than device.max\_size |"
    assert row in text
    assert "where it was more exact, it would be on the front too" in text
    assert (
        "Not scored, since they cannot ship: float16, 3.00 MB: larger than device.max_size. compress.every scores "
        "them too." in text
    )
