from collections.abc import Mapping

import pytest

from mgdist.compress.candidate import Layer
from mgdist.compress.mixed import LADDERS, Step, formats, furthest, plain, steps
from mgdist.compress.quantize import Format

TABLE = Layer("word.embedding", "EMBEDDING_LOOKUP", "float32", 80_000, 32, ("a",))
WIDE = Layer("word.project", "FULLY_CONNECTED", "float32", 20_000, 100, ("b",))
HEAD = Layer("head.linear", "FULLY_CONNECTED", "float32", 1_000, 100, ("c",))
DEEP = Layer("word.apart", "DEPTHWISE_CONV_2D", "float32", 500, 10, ("d",))
LAYERS = (TABLE, WIDE, HEAD, DEEP)
HARM: dict[str, dict[Format, float]] = {
    "word.embedding": {"int8": 0.001, "int4": 0.01, "int2": 0.5},
    "word.project": {"int8": 0.002, "int4": 0.03},
    "head.linear": {"int8": 0.002, "int4": 0.2},
    "word.apart": {"int8": 0.3},
}


def harm(layer: Layer, format: Format) -> float:
    return HARM[layer.name][format]


def total(chosen: Mapping[str, Format]) -> float:
    return sum(HARM[name][format] for name, format in chosen.items() if format != "float32")


def test_every_step_of_every_ladder_is_taken_once_and_in_order() -> None:
    walk = steps(LAYERS, harm)
    assert len(walk) == 3 + 2 + 2 + 1
    for layer in LAYERS:
        ladder = LADDERS.get(layer.operator, ("float32", "int8"))
        assert [step.format for step in walk if step.layer == layer.name] == list(ladder[1:])
    assert (walk[0].layer, walk[0].format, walk[0].saved) == ("word.embedding", "int8", 240_000)
    assert (walk[-1].layer, walk[-1].format) == ("head.linear", "int4"), "much harm, and little to save"


def test_all_steps_are_taken_where_the_budget_allows_them() -> None:
    chosen = furthest(steps(LAYERS, harm), LAYERS, lambda found: True)
    assert chosen == {
        "word.embedding": "int2",
        "word.project": "int4",
        "head.linear": "int4",
        "word.apart": "int8",
    }


def test_none_is_taken_where_each_breaks_it() -> None:
    assert furthest(steps(LAYERS, harm), LAYERS, lambda found: found == plain(LAYERS)) == plain(LAYERS)


@pytest.mark.parametrize("budget", [0.0005, 0.004, 0.02, 0.05, 0.3, 0.6])
def test_what_is_chosen_keeps_the_budget_and_the_most_sensitive_layers_stay_higher(budget: float) -> None:
    chosen = furthest(steps(LAYERS, harm), LAYERS, lambda found: total(found) <= budget)
    assert total(chosen) <= budget
    if budget >= 0.02:
        assert (chosen["word.embedding"], chosen["word.apart"]) != ("float32", "int8")


def test_a_step_that_breaks_the_budget_does_not_hide_those_of_other_layers() -> None:
    walk = [
        Step("word.embedding", "int8", 0.0, 240_000.0),
        Step("word.embedding", "int4", 1.0, 40_000.0),
        Step("word.project", "int8", 1.1, 60_000.0),
        Step("head.linear", "int8", 1.2, 3.0),
    ]
    chosen = furthest(walk, LAYERS, lambda found: found["word.embedding"] != "int4")
    assert chosen == formats([walk[0], walk[2]], LAYERS), "and one that saves next to nothing is not worth measuring"
