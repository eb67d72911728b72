"""One small job, carried as far as its candidates: real data, a real network, a real conversion."""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from mgdist.compress.candidate import Candidate
from mgdist.data.dataset import Dataset
from mgdist.evaluate.network import Outputs
from mgdist.evaluate.network import answers as outputs_of
from mgdist.export.candidates import candidates, open_candidates
from mgdist.export.litert_route import Converted, convert
from mgdist.export.measure import flatbuffer
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from tests.train import corpus

CREATED = "2026-11-22T10:30:05Z"
METHODS = ["float32", "int8_dynamic"]


def network_of(job: Job, dataset: Dataset, weights: Path) -> Network:
    """Return a job's untrained network, and write its weights as a training does."""
    torch.manual_seed(3)
    network = build(job, dataset.inputs, dataset.tasks).eval()
    save_file(network.state_dict(), weights)
    return network


@dataclass(frozen=True)
class Compressed:
    job: Job
    dataset: Dataset
    converted: Converted
    folder: Path
    measured_before: Path
    valid: Outputs
    test: Outputs
    measured: tuple[Candidate, ...]
    told: tuple[Candidate, ...]


def compressed(folder: Path) -> Compressed:
    job, dataset = corpus.dataset(folder, rows=150)
    job = corpus.moved(job, compress__methods=METHODS, device__unit_counts=[1, 2])
    network = network_of(job, dataset, folder / "model.safetensors")
    converted = convert(network, job, dataset.inputs, dataset.tasks, folder / "float32.tflite")
    work, told = folder / "compress", list[Candidate]()
    work.mkdir()
    valid, test = (outputs_of(network, dataset.tasks, shard) for shard in (dataset.valid, dataset.test))
    candidates(job, dataset, converted, valid, CREATED, work, folder / "measured", told.append)
    assert flatbuffer(work, "float32").is_file()
    about = (job, dataset, converted, work, folder / "measured", valid, test)
    return Compressed(*about, open_candidates(work), tuple(told))
