from dataclasses import replace

import numpy as np
import pytest
import torch

from mgdist.data.seen import Seen
from mgdist.errors import JobError
from mgdist.job.cost import encoder_cost
from mgdist.job.encoders import LevelSpec
from mgdist.job.model import ModelSpec
from mgdist.job.shapes import Shape
from mgdist.models.build import _level, build
from tests.networks import ENCODERS, TWO_DOCUMENTS, batch_of, inputs_of, job_of, level, network_of, tasks_of

BAG = {"word": level("bag"), "sentence": level("conv")}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_reads_what_any_level_gives(encoder: str):
    levels = {
        "word": level("bag", "mean", "max"),
        "sentence": level(encoder, "max", skip=True),
        "paragraph": level("gru"),
    }
    network = network_of(job_of(levels, width=8, embedding={"width": 5, "ngrams": {"order": 2, "buckets": 9}}))
    assert network(batch_of(TWO_DOCUMENTS, order=2))["answer"].shape == (2, 3)


def test_the_same_seed_builds_the_same_network():
    first, second = (network_of(job_of(BAG), seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_idf_scales_the_first_rows_only_where_it_is_asked_for():
    seen = {"input": Seen(np.full((50, 3), 1, np.int32), 10)}
    rows = []
    for asked in (True, False):
        torch.manual_seed(3)
        job = job_of(BAG, embedding={"idf": asked})
        rows.append(build(job, inputs_of(job), tasks_of(job), seen).embeddings["word"].weight)
    assert torch.allclose(rows[0], rows[1] * (np.log(11 / 4) + 1))


def test_class_ratios_need_room_in_a_words_vector():
    job = job_of(BAG, embedding={"bayes": {}})
    with pytest.raises(JobError, match=r"model.embedding.bayes: needs .* 20 labels; the vectors have 8"):
        build(job, inputs_of(job), tasks_of(job, 20))


def test_a_network_that_starts_as_naive_bayes_answers_as_it_does():
    counts = np.zeros((50, 3), np.int32)
    counts[[5, 6, 7], [0, 1, 2]] = 100
    torch.manual_seed(0)
    job = job_of(BAG, embedding={"bayes": {"smoothing": 0.1}})
    network = build(job, inputs_of(job), tasks_of(job), {"input": Seen(counts, 300)}).eval()
    made = batch_of([[[1], [1]]] * 3)
    words = replace(made.levels[0], samples=torch.tensor([[[5]], [[6]], [[7]]]))
    batch = replace(made, levels=(words, *made.levels[1:]))
    assert network(batch)["answer"].argmax(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_over_a_square_every_encoder_has_the_states_and_parameters_that_are_planned(encoder: str):
    spec = LevelSpec.model_validate({**level(encoder, "mean", "all"), "width": 16})
    states, width = spec.state_width(3, 64), spec.unit_width(3, 64, axes=2)
    made = _level(Shape("image", "input", "image", spec, 2, "raw", 3, states, width), ModelSpec())
    vectors = made(torch.randn(2, 36, 3), torch.ones(2, 36))
    assert vectors.shape == (2, width)
    parameters, _ = encoder_cost(spec.encoder, 3, states, spec.length, axes=2)
    assert parameters == sum(p.numel() for p in made.encoder.parameters())
