"""An LSTM as one operator beside the same unrolled: how long converting takes, bytes, and time of a call.

    python -m tests.benchmarks fused

A bidirectional layer reads units of 32 channels; one unit a call on one thread, the two of a length in turn.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from mgdist.apart import apart, needs
from mgdist.compress.quantize import quantize
from mgdist.export.litert_route import Signature, joined
from mgdist.models.encoders.recurrent import RecurrentEncoder
from tests.benchmarks.setting import parser, table, told

CHANNELS, TURNS = 32, 300
FORMS: Mapping[str, bool] = {"unrolled": False, "one operator": True}


class Mean(nn.Module):
    """The mean state of an LSTM."""

    def __init__(self, width: int, *, fused: bool) -> None:
        super().__init__()
        self.encoder = RecurrentEncoder(
            cell="lstm", channels=CHANNELS, width=width, layers=1, bidirectional=True, fused=fused
        )
        self.project = nn.Linear(width, 8)

    def forward(self, samples: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Return the numbers of each unit."""
        states, real = self.encoder(samples, mask)
        return {"vectors": self.project(states.sum(1) / real.sum(1, keepdim=True).clamp(min=1))}


@needs("litert_torch")
def flatbuffer(module: Mean, length: int) -> bytes:
    """Return the device model; called through ``apart``."""
    inputs = {"samples": torch.zeros(1, length, CHANNELS), "mask": torch.ones(1, length)}
    return joined([Signature("unit", module.eval().requires_grad_(False), inputs)])


def main(options: argparse.Namespace) -> None:
    from tests.benchmarks.fused import Mean, flatbuffer  # by their real names, under which the other process finds them

    with told(), tempfile.TemporaryDirectory() as name:
        rows = []
        for length in options.lengths:
            torch.manual_seed(0)
            plain = Mean(options.width, fused=False)
            samples, mask = torch.randn(1, length, CHANNELS), torch.ones(1, length)
            mask[0, length - length // 4 :] = 0
            expected = plain(samples, mask)["vectors"].detach().numpy()
            runs, found = {}, {}
            for form, fused in FORMS.items():
                module = Mean(options.width, fused=fused)
                module.load_state_dict(plain.state_dict())
                path, at = Path(name) / f"{length}.{form}.tflite", perf_counter()
                path.write_bytes(apart(flatbuffer, module, length))
                seconds = perf_counter() - at
                for method in ("float32", "int8_dynamic"):
                    model = quantize(path, method, path.with_suffix(f".{method}"))
                    runs[form, method] = Interpreter(str(model.path), num_threads=1).get_signature_runner("unit")
                    got = runs[form, method](samples=samples.numpy(), mask=mask.numpy())["vectors"]
                    error = float(np.abs(got - expected).max() / np.abs(expected).max())
                    found[form, method] = (seconds, model.size / 1e3, error)
            times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
            for _ in range(TURNS):
                for key, run in runs.items():
                    at = perf_counter()
                    run(samples=samples.numpy(), mask=mask.numpy())
                    times[key].append(perf_counter() - at)
            for (form, method), (seconds, size, error) in found.items():
                rows.append([length, form, method, seconds, size, 1e3 * median(times[form, method]), error])
        table(["samples", "", "format", "s to convert", "kB", "ms a call", "error, of the largest"], rows)


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--lengths", type=int, nargs="+", default=[24, 48, 96, 200, 400])
    options.add_argument("--width", type=int, default=64)
    main(options.parse_args())
