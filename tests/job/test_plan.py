import subprocess
import sys

import pytest

from mgdist.job.plan import plan
from mgdist.job.point import at_point
from tests.networks import ENCODERS, FUSIONS, ROWS, job_of, level, network_of

LAYERS = {
    "none": [{}],
    "bag": [{}],
    "mlp": [{"layers": 1}, {"layers": 3}],
    "conv": [{"residual": False}, {"residual": True}, {"layers": 1, "kernel": 5}],
    "conv in stages": [{}, {"residual": False, "norm": None}, {"depthwise": True, "layers": 2}],
    "conv apart": [{}, {"stages": 1, "norm": None}, {"residual": True, "norm": "batch"}],
    "rnn": [{"bidirectional": False}],
    "gru": [{"layers": 3}, {"bidirectional": False}],
    "lstm": [{"layers": 2}, {"bidirectional": False}],
    "lstm, one operator": [{}],
    "transformer": [{"layers": 2}, {"heads": 4, "expansion": 3}],
    "transformer, any order": [{}],
}
CASES = [(encoder, changes) for encoder, variants in LAYERS.items() for changes in variants]


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize(("encoder", "changes"), CASES)
def test_the_plan_counts_the_parameters_of_the_network(encoder: str, changes: dict[str, object], fusion: str):
    wide = {} if encoder == "none" else {"width": 16}
    levels = {
        "word": level(encoder, "mean", "heads", "all", skip=True, **changes),
        "sentence": {**level(encoder, "attention", "all", **changes), **wide},
        "paragraph": level("bag", "max", "last"),
    }
    norm = "rms" if fusion == "concat" else None
    job = job_of(levels, fusion=fusion, norm=norm, embedding={"width": 6, "ngrams": {"order": 2, "buckets": 11}})
    planned, network = plan(job), network_of(job, rows=ROWS + 11, classes=2)
    assert len(LAYERS) == len(ENCODERS)
    assert planned.tables == ((ROWS + 11, 6),)
    assert planned.outputs == 2
    for counted in planned.levels:
        module = network.levels[counted.name]
        assert counted.parameters == sum(p.numel() for p in module.parameters()), counted.name
    assert planned.parameters == sum(p.numel() for p in network.parameters())


def test_a_plan_before_fitting_takes_the_largest_vocabulary():
    planned = plan(job_of({"word": level("bag")}))
    assert planned.tables == ((ROWS, 8),)


def test_signatures_follow_the_unit_counts_and_the_last_level_has_one_unit():
    planned = plan(job_of({"word": level("conv", "mean", "max"), "sentence": level("bag")}, counts=(1, 4, 16)))
    word, sentence = planned.levels
    assert word.signatures == ("word_1", "word_4", "word_16")
    assert sentence.signatures == ("sentence_1",)
    assert (word.length, word.channels, word.width) == (6, 8, 16)
    assert (sentence.channels, sentence.width) == (16, 8)


def test_the_operations_of_a_convolution_are_its_weights_at_every_sample():
    planned = plan(job_of({"word": level("conv", layers=1, residual=False)}))
    assert planned.levels[0].operations == 6 * (3 * 8 + 1) * 8


def test_sizes_fall_with_the_format():
    sizes = plan(job_of({"word": level("conv")}, embedding={"ngrams": {"buckets": 100_000}})).sizes
    assert sizes["float32"] == 4 * sizes["int8_dynamic"] == 2 * sizes["float16"]
    assert sizes["int4"] / sizes["float32"] == pytest.approx(1 / 8, rel=0.01)


def test_a_size_that_no_format_can_keep_is_a_mistake():
    job = job_of({"word": level("bag")}, embedding={"ngrams": {"buckets": 1_000_000}})
    assert plan(at_point(job, {"device.max_size": 4_100_000})).mistakes == ()
    (mistake,) = plan(at_point(job, {"device.max_size": 3_000_000})).mistakes
    assert mistake.path == "device.max_size"
    assert mistake.message.startswith(
        "the weights alone take 4.00 MB as int4; got a limit of 3.00 MB; make model.width"
    )


def test_a_vocabulary_that_may_turn_out_small_breaks_no_limit():
    job = at_point(job_of({"word": level("bag")}), {"data.input.vocabulary": 5_000_000, "device.max_size": 10_000})
    assert plan(job).mistakes == ()
    assert plan(job).tables == ((5_000_000, 8),)


def test_planning_needs_neither_torch_nor_numpy():
    code = "import sys, mgdist.job.plan; print(sorted({'torch', 'numpy', 'ray'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
