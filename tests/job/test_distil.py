"""What a job may ask of ensembles and teachers, and what is told where it may not."""

from pathlib import Path
from typing import Any

import pytest

from mgdist.job.phases import phases
from mgdist.job.point import checked
from tests.job.test_strategies import looked_at

SPACE = {"train.lr": {"loguniform": [0.001, 0.01]}}
SEARCH = {"trials": 4, "ensemble": {"winners": 3}, "space": SPACE}
ENSEMBLE = {"teacher": "ensemble"}
NEEDS = "train.distil.teacher: ensemble needs search.ensemble, such as {winners: 3}; give it, or name a run's folder"


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (
            {"train__distil": ENSEMBLE},
            NEEDS,
        ),
        (
            {"train__distil": ENSEMBLE, "search": {**SEARCH, "ensemble": None}},
            NEEDS,
        ),
        (
            {"search": {**SEARCH, "trials": 2}},
            "search.ensemble.winners: expected at most the 2 trials; got 3",
        ),
        (
            {"task": {"kind": "regress", "targets": ["n"]}, "search": {**SEARCH, "ensemble": {"combine": "vote"}}},
            "search.ensemble.combine: there is no vote on numbers, which head answer gives; use mean, weighted or "
            "stack",
        ),
        (
            {
                "task": {"kind": "regress", "targets": ["n"]},
                "train__distil": {**ENSEMBLE, "temperature": 3.0},
                "search": SEARCH,
            },
            "train.distil.temperature: numbers have no temperature; leave it out",
        ),
        (
            {"train__distil": {"teacher": "runs/x", "weight": 1.0}, "train__label_smoothing": 0.1},
            "train.distil.weight: 1 leaves nothing of the targets' own loss, which train.label_smoothing changes; use "
            "less than 1, or leave label_smoothing out",
        ),
        (
            {
                "train__distil": ENSEMBLE,
                "search": {**SEARCH, "space": {**SPACE, "train.distil.weight": {"uniform": [0.1, 0.9]}}},
            },
            "search.space.train.distil.weight: the trials become the teacher, and have none themselves; leave it out",
        ),
        (
            {
                "train__distil": {"teacher": "runs/x"},
                "search": {**SEARCH, "space": {"train.distil.teacher": {"choice": ["runs/y"]}}},
            },
            "search.space.train.distil.teacher: a search cannot choose the teacher, which answers before it; set "
            "train.distil in the job itself",
        ),
        (
            {"search": {**SEARCH, "space": {"train.distil": {"choice": [{"teacher": "runs/x"}]}}}},
            "search.space.train.distil: a search cannot choose the teacher, which answers before it; set train.distil "
            "in the job itself",
        ),
    ],
)
def test_what_a_job_cannot_have_is_told(point: dict[str, Any], expected: str) -> None:
    assert looked_at(**point)[1] == [expected]


def test_quantiles_cannot_be_stacked(tmp_path: Path) -> None:
    from tests.data.forecasts import document

    asked = document(tmp_path / "x.csv", task={"quantiles": [0.1, 0.5, 0.9]})
    _, mistakes = checked({**asked, "search": {**SEARCH, "ensemble": {"combine": "stack"}}})
    assert [f"{each.path}: {each.message}" for each in mistakes] == [
        "search.ensemble.combine: quantiles cannot be stacked by least squares; use mean or weighted"
    ]


def test_a_search_may_choose_how_much_a_run_teaches_and_whether() -> None:
    distil, space = {"teacher": "runs/x"}, {"train.distil.weight": {"uniform": [0.1, 0.9]}}
    assert looked_at(train__distil=distil, search={**SEARCH, "space": space})[1] == []
    space = {"train.distil": {"choice": [None, {**distil, "temperature": 4.0}]}}
    assert looked_at(train__distil=distil, search={**SEARCH, "space": space})[1] == []


def test_the_folder_of_a_run_is_written_out_and_ensemble_is_a_word(tmp_path: Path) -> None:
    for teacher, expected in (("runs/x", str(Path.cwd() / "runs/x")), ("./ensemble", str(Path.cwd() / "ensemble"))):
        made, _ = looked_at(train__distil={"teacher": teacher})
        assert made is not None
        assert made.train.distil is not None
        assert (made.train.distil.teacher, made.train.distil.of_ensemble) == (expected, False)
    made, mistakes = looked_at(train__distil=ENSEMBLE, search=SEARCH)
    assert made is not None, mistakes
    assert made.train.distil is not None
    assert made.train.distil.of_ensemble


def test_every_phase_knows_the_teacher() -> None:
    distil = {"teacher": "runs/x", "weight": 0.4, "temperature": 3.0}
    made, _ = looked_at(train__distil=distil, train__strategy={"kind": "staged"})
    assert made is not None
    assert [(phase.teacher, phase.temperature) for phase in phases(made)] == [(0.4, 3.0)] * 3
    plain, _ = looked_at()
    assert plain is not None
    assert phases(plain)[0].teacher == 0.0


def test_states_are_those_of_one_teacher_of_plain_examples_and_asked_for_before_a_search() -> None:
    asked = {"teacher": "runs/x", "states": 1.0}
    made, mistakes = looked_at(train__distil=asked)
    assert mistakes == []
    assert made is not None
    assert [phase.states for phase in phases(made)] == [1.0]
    assert looked_at(train__distil={**ENSEMBLE, "states": 1.0}, search=SEARCH)[1] == [
        "train.distil.states: the members of an ensemble say different things; leave it out, or name a run's folder"
    ]
    assert looked_at(train__distil=asked, train__mixup={"alpha": 0.2})[1] == [
        "train.distil.states: a teacher says nothing of examples that train.mixup mixes; leave one of the two out"
    ]
    space = {"train.distil.states": {"choice": [0.0, 1.0]}}
    assert looked_at(train__distil={"teacher": "runs/x"}, search={**SEARCH, "space": space})[1] == [
        "search.space.train.distil.states: a teacher tells its states before the search, where the job asks for them; "
        "set it above 0 in the job"
    ]
