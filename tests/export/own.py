"""Makes the models that the export is tried with; ``python own.py FOLDER``, in a process of its own."""

import os
import sys
from pathlib import Path

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}


def make(folder: Path) -> None:
    """Write digits.keras, a SavedModel of it, one of open length, programs of torch, and their examples."""
    import keras
    import numpy as np
    import torch
    from sklearn.datasets import load_diabetes, load_digits

    digits, diabetes = load_digits(), load_diabetes()
    images, labels = digits.images.astype("uint8"), digits.target
    np.savez(folder / "digits.npz", image=images, label=labels)
    np.savez(folder / "odd.npz", image=images[:, :4], label=labels)
    np.savez(folder / "diabetes.npz", fields=diabetes.data, bmi=diabetes.data[:, 2], target=diabetes.target)
    keras.utils.set_random_seed(1)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    network.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    network.fit(images[..., None] / 16, labels, epochs=3, verbose=0)
    network.save(folder / "digits.keras")
    network.export(folder / "saved", verbose=False)
    np.save(folder / "logits.npy", network.predict(images[..., None] / 16, verbose=0))
    keras.Sequential([keras.Input((None, 3)), layers.GlobalAveragePooling1D()]).save(folder / "open.keras")
    fields = torch.tensor(diabetes.data, dtype=torch.float32)
    whole = torch.cat([fields, torch.ones(len(fields), 1)], 1)
    solved = torch.linalg.lstsq(whole, torch.tensor(diabetes.target, dtype=torch.float32)[:, None]).solution
    linear = torch.nn.Linear(10, 1)
    linear.load_state_dict({"weight": solved[:-1].T, "bias": solved[-1]})
    shapes = ({0: torch.export.Dim.DYNAMIC},)
    torch.export.save(torch.export.export(linear.eval(), (fields[:4],), dynamic_shapes=shapes), folder / "linear.pt2")
    torch.export.save(torch.export.export(linear.eval(), (fields[:4],)), folder / "four.pt2")
    odd_ones(folder)


def odd_ones(folder: Path) -> None:
    """Write eigen.pt2 and determinant.keras: each with an operator that no converter has a lowering for."""
    import keras
    import torch

    class Eigen(torch.nn.Module):
        def forward(self, fields: torch.Tensor) -> torch.Tensor:
            return torch.linalg.eigvalsh(fields[:, :9].reshape(-1, 3, 3)).sum(1, keepdim=True)

    torch.export.save(torch.export.export(Eigen().eval(), (torch.zeros(1, 10),)), folder / "eigen.pt2")
    image = keras.Input((8, 8), name="image")
    outputs = keras.layers.Dense(10)(keras.ops.reshape(keras.ops.linalg.det(image), (-1, 1)))
    keras.Model(image, outputs).save(folder / "determinant.keras")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
