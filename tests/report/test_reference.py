import re
import subprocess
import sys
from pathlib import Path

from mgdist.job.spec import Job
from mgdist.report.reference import BEGIN, END, reference, updated


def cells() -> list[list[str]]:
    lines = reference().splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_section_of_a_job_is_explained() -> None:
    keys = {key.strip("`").partition(".")[0] for key, *_ in cells()}
    assert keys == set(Job.model_fields)


def test_every_key_has_a_meaning_and_four_cells() -> None:
    assert len(cells()) > 60
    for row in cells():
        assert len(row) == 4, row
        assert row[3], row


def test_bounds_defaults_and_choices_are_told() -> None:
    rows = {key.strip("`"): (expected, default) for key, expected, default, _ in cells()}
    assert rows["task"] == ("section", "**required**")
    assert rows["train.lr"][0] == "number, > 0"
    assert rows["seed"] == ("whole number, >= 0, < 4294967296", "`13`")
    assert rows["device.max_size"][1] == "`null`"
    assert "`float16`" in rows["compress.methods"][0]
    assert "granularities.NAME.encoder.kind: conv" in rows


def test_a_text_is_brought_up_to_date_between_its_marks_only() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert updated(text) == f"before\n{BEGIN}\n{reference()}{END}\nafter\n"
    assert updated(updated(text)) == updated(text)


def test_the_documentation_explains_the_job_file_as_it_is() -> None:
    text = (Path(__file__).parents[2] / "docs" / "job.md").read_text()
    assert updated(text) == text, "run python -m mgdist.report.reference docs/job.md"


def test_the_command_brings_a_file_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(f"{BEGIN}\n{END}")
    command = [sys.executable, "-m", "mgdist.report.reference", str(tmp_path / "page.md")]
    subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
    assert (tmp_path / "page.md").read_text() == f"{BEGIN}\n{reference()}{END}"
