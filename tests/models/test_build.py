import numpy as np
import pytest
import torch

from mgdist.errors import JobError
from mgdist.models.build import build
from tests.networks import ENCODERS, TWO_DOCUMENTS, batch_of, job_of, level, network_of

BAG = {"word": level("bag"), "sentence": level("conv")}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_any_encoder_reads_what_any_level_gives(encoder: str):
    levels = {
        "word": level("bag", "mean", "max"),
        "sentence": level(encoder, "max", skip=True),
        "paragraph": level("gru"),
    }
    network = network_of(job_of(levels, width=8, embedding={"width": 5, "ngrams": {"order": 2, "buckets": 9}}))
    assert network(batch_of(TWO_DOCUMENTS, order=2)).shape == (2, 3)


def test_the_same_seed_builds_the_same_network():
    first, second = (network_of(job_of(BAG), seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_idf_scales_the_first_rows_only_where_it_is_asked_for():
    idf = np.zeros(50, np.float32)
    for asked, silent in ((True, True), (False, False)):
        network = build(job_of(BAG, embedding={"idf": asked}), rows=50, classes=3, idf=idf)
        assert bool(network.embedding.weight.abs().sum() == 0) is silent


def test_class_ratios_need_room_in_a_words_vector():
    job = job_of(BAG, embedding={"init": "bayes"})
    with pytest.raises(JobError, match=r"model.embedding.init: bayes needs .* 20 labels; the vectors have 8"):
        build(job, rows=50, classes=20, ratios=np.zeros((50, 20), np.float32))
