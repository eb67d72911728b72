from typing import Any

import pytest

from mgdist.job.point import as_document, checked
from tests.networks import job_of, level

READS = "compress.exit: reads a text sentence by sentence; expected one input, a text, at two granularities or more"


def mistakes(levels: dict[str, Any], exit: dict[str, Any], **changed: Any) -> list[str]:
    document = as_document(job_of(levels)) | changed
    document["compress"]["exit"] = exit
    return [f"{each.path}: {each.message}" for each in checked(document)[1]]


def test_a_text_of_two_granularities_may_be_read_in_part() -> None:
    assert not mistakes({"word": level("conv"), "sentence": level("bag")}, {})


def test_what_has_no_sentences_is_read_whole() -> None:
    (found,) = mistakes({"word": level("conv")}, {})
    assert found == f"{READS}; leave it out"


@pytest.mark.parametrize("drop", [0, 1.5, "much"])
def test_a_budget_is_a_share_above_0(drop: object) -> None:
    (found,) = mistakes({"word": level("conv"), "sentence": level("bag")}, {"max_accuracy_drop": drop})
    assert found.startswith("compress.exit.max_accuracy_drop")


def test_numbers_are_never_sure() -> None:
    task = {"kind": "regress", "targets": ["stars"]}
    found = mistakes({"word": level("conv"), "sentence": level("bag")}, {}, task=task)
    assert "compress.exit: expected one head, of kind classify or ordinal, that can be sure; leave it out" in found
