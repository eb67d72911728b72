"""A pre-trained word level under a sentence level, as it leaves training, on the runtime."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from mgdist.data.fitting.fit import fit
from mgdist.export.litert_route import convert
from mgdist.models.build import build
from mgdist.models.pretrained import begin_with_checkpoints
from tests.checkpoint import job_of, saved
from tests.networks import tasks_of

TEXT = "The cat sat. Running dogs, a mat, 中 on the mat sat. The dog"


@pytest.mark.slow
def test_a_pretrained_level_converts_and_padding_does_not_matter_to_it(tmp_path: Path) -> None:
    job = job_of(saved(tmp_path), layers=2, train="none")
    inputs, tasks = fit(job, {"input": [TEXT]}, np.zeros(0, np.int64)), tasks_of(job)
    network = build(job, inputs, tasks).eval()
    begin_with_checkpoints(network, job)
    views = inputs["input"].views(TEXT)
    (words, _), (ids, _) = views.lengths, views.samples
    assert ids is not None
    converted = convert(network, job, inputs, tasks, tmp_path / "model.tflite")
    runner = Interpreter(str(converted.path), num_threads=1).get_signature_runner("word_2")
    units = np.zeros((2, 8, 1), np.int32)
    units[0, : words[0]], units[1, : words[1]] = ids[: words[0]], ids[words[0] : words[0] + words[1]]
    found = runner(ids=units)["vectors"]
    embed, level = network.embeddings["word"], network.levels["word"]
    for place in range(2):
        alone = torch.from_numpy(units[place : place + 1, : words[place]])
        with torch.no_grad():
            expected = level(embed(alone), torch.ones(alone.shape[:2]))
        np.testing.assert_allclose(found[place], expected[0], atol=1e-5)
