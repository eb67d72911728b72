import re
from dataclasses import replace
from pathlib import Path

import pytest

from mgdist.errors import RunError
from mgdist.evaluate.classes import ClassScores
from mgdist.evaluate.scores import Scores
from mgdist.report.markdown import MOST_CLASSES, report, write_report
from mgdist_edge.above import Above
from mgdist_edge.tasks import Classify
from tests.report.summaries import FLOAT32, INT8, LABELS, scores, several, summary

HEAD = "answer: classify"


def tables(text: str, title: str) -> list[list[str]]:
    """Return the rows of each table under a heading, with the cells' texts."""
    body = re.split(r"\n##+ ", text.partition(f"# {title}\n")[2])[0]
    return [block.splitlines() for block in body.strip().split("\n\n") if block.startswith("|")]


def section(text: str, title: str) -> list[str]:
    """Return the rows of the only table under a heading."""
    (only,) = tables(text, title)
    return only


def test_the_metrics_of_a_head_are_told(tmp_path: Path) -> None:
    rows = tables(report(summary(tmp_path)), HEAD)[0]
    assert rows[2] == f"| accuracy | {scores(0.88).metrics['accuracy']:.4f} |"
    assert [row.split(" | ")[0].strip("| ") for row in rows[2:]] == ["accuracy", r"macro\_f1", "auc", "ece"]


def test_each_head_has_a_section_of_its_own_and_only_classes_have_a_confusion(tmp_path: Path) -> None:
    text = report(summary(tmp_path, **several()))
    found = [line for line in text.splitlines() if line.startswith("### ")]
    assert found == ["### topic: classify", "### tags: multi_label", "### price: regress"]
    assert [len(tables(text, title.removeprefix("### "))) for title in found] == [3, 1, 1]
    assert "\nvalid, test: mean over the heads of quality. MB: of the file." in text
    assert section(text, "price: regress")[2].startswith("| r2 | ")


def test_each_table_has_as_many_cells_a_row_as_its_head(tmp_path: Path) -> None:
    blocks = [block for block in report(summary(tmp_path)).split("\n\n") if block.startswith("|")]
    assert len(blocks) == 8
    for block in blocks:
        assert len({line.replace("\\|", "").count("|") for line in block.splitlines()}) == 1


def test_classes_are_told_with_precision_recall_f1_and_support(tmp_path: Path) -> None:
    rows = tables(report(summary(tmp_path)), HEAD)[1]
    first = scores(0.88).per_class[0]
    assert rows[0] == "| class | precision | recall | F1 | support |"
    assert rows[2] == f"| numpy | {first.precision:.4f} | {first.recall:.4f} | {first.f1:.4f} | 40 |"
    assert len(rows) == 2 + 3


def test_a_label_is_shown_as_it_is_and_stays_in_its_cell(tmp_path: Path) -> None:
    rows = tables(report(summary(tmp_path)), HEAD)[1]
    assert rows[3].startswith(r"| a\|b | ")
    assert rows[4].startswith(r"| new \*york\* | ")


def test_the_confusion_has_a_row_and_a_column_a_class(tmp_path: Path) -> None:
    rows = tables(report(summary(tmp_path)), HEAD)[2]
    counts = scores(0.88).confusion
    assert rows[2] == f"| numpy | {counts[0][0]} | {counts[0][1]} |  |"


@pytest.mark.parametrize(("classes", "rows"), [(MOST_CLASSES, 2 + MOST_CLASSES), (MOST_CLASSES + 1, 0)])
def test_a_confusion_that_nobody_could_read_is_left_out(tmp_path: Path, classes: int, rows: int) -> None:
    text = report(summary(tmp_path, classes=classes))
    assert [len(each) for each in tables(text, HEAD)[2:]] == [rows] * (rows > 0)
    assert ("too many for a table; `bundle/shipped.json` holds the matrix" in text) == (rows == 0)


def test_parity_and_weights_are_told_for_each_candidate(tmp_path: Path) -> None:
    text = report(summary(tmp_path))
    assert section(text, "Parity")[-1] == r"| small.tflite | 2.00e-02 | 97.00% | 120 |"
    assert section(text, "Weights")[0] == "| model | float32 | int8 |"
    assert section(text, "Weights")[-1] == r"| int8\_dynamic | 2.0% | 98.0% |"


def test_the_report_is_written_beside_the_bundle(tmp_path: Path) -> None:
    made = summary(tmp_path)
    write_report(made)
    assert made.report == tmp_path / "report.md"
    assert made.report.read_text() == report(made)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["front.svg", "report.md"]


def test_a_report_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"none/\.front\.svg\.\d+: No such file or directory; see to it, then submit"):
        write_report(summary(tmp_path / "none"))


def test_how_often_coarse_and_fine_answers_agree_is_told_of_each_model(tmp_path: Path) -> None:
    def nested(share: float) -> dict[str, Scores]:
        coarse = scores(0.9)
        assert isinstance(coarse, ClassScores)
        return {"fine": scores(0.9), "coarse": replace(coarse, consistent=share)}

    run = summary(
        tmp_path,
        tasks={"fine": Classify(LABELS), "coarse": Classify(LABELS, Above("fine", (0, 1, 2)))},
        network=(nested(0.91), nested(0.92)),
        baseline=(nested(0.81), nested(0.82)),
        shipped=nested(0.93),
        candidates=(replace(FLOAT32, consistent={"coarse": 0.94}), replace(INT8, consistent={"coarse": 0.95})),
        chosen=replace(INT8, consistent={"coarse": 0.95}),
    )
    rows = section(report(run), "Consistency")
    assert [row.split(" | ")[1].rstrip(" |") for row in rows] == [
        *("coarse", "--:", "81.00%", "82.00%", "91.00%", "92.00%", "94.00%", "95.00%", "93.00%")
    ]
    assert (
        "Consistent: the answer of coarse is the one above that of fine in 93.0% of the test examples, 95.0% of the "
        "validation examples; of the trained network in 92.0% of the test examples." in report(run)
    )
    assert "## Consistency" not in report(summary(tmp_path))


def test_weights_that_were_learned_are_told(tmp_path: Path) -> None:
    told = report(summary(tmp_path, loss_weights={"fine": 0.53219, "coarse": 2.0}))
    assert "Weights of the heads' losses, learned: fine 0.532, coarse 2." in told
