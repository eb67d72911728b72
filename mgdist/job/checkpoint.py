"""What the config.json of a pre-trained checkpoint says; neither torch nor transformers is needed to read it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FAMILIES = ("bert",)
"""What ``model_type`` may be; other families differ in their embeddings, their norms or their tokenizer."""
FILES = ("config.json", "tokenizer.json", "model.safetensors")
"""Of a folder, that decide what comes out."""
Activation = Literal["gelu", "relu"]

_LARGEST = 1_000_000
_SAVE = "save one there with transformers' save_pretrained"


@dataclass(frozen=True)
class Checkpoint:
    """The dimensions of a pre-trained encoder.

    Attributes:
        folder: where it lies.
        vocabulary: rows of its embedding.
        padding: the id of its padding.
        width: D, numbers of a state and of a token's vector.
        layers: blocks.
        heads: of attention.
        inner: width of the feed-forward blocks.
        positions: tokens of a unit at most.
        activation: of the feed-forward blocks.
        epsilon: added to a variance by the norms.
    """

    folder: Path
    vocabulary: int
    padding: int
    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    activation: Activation
    epsilon: float


def read_checkpoint(path: str) -> Checkpoint:
    """Return what the config.json in a folder says.

    Raises:
        ValueError: there is none, it is of another family, or a number is missing; one line for people.
    """
    folder = Path(path)
    values = _object(folder)
    family = values.get("model_type")
    if family not in FAMILIES:
        raise ValueError(f"expected a checkpoint of model_type {' or '.join(FAMILIES)}; got {family!r} in {folder}")
    places = values.get("position_embedding_type", "absolute")
    if places != "absolute" or values.get("is_decoder", False):
        raise ValueError(f"expected an encoder with absolute positions; got {places!r} or a decoder in {folder}")
    epsilon = values.get("layer_norm_eps", 1e-12)
    if isinstance(epsilon, bool) or not isinstance(epsilon, float | int) or not 0 < epsilon < 1:
        raise ValueError(f"expected layer_norm_eps between 0 and 1; got {epsilon!r} in {folder / 'config.json'}")
    found = Checkpoint(
        folder=folder,
        vocabulary=_whole(values, "vocab_size", folder),
        padding=_whole(values, "pad_token_id", folder, least=0, usual=0),
        width=_whole(values, "hidden_size", folder),
        layers=_whole(values, "num_hidden_layers", folder),
        heads=_whole(values, "num_attention_heads", folder),
        inner=_whole(values, "intermediate_size", folder),
        positions=_whole(values, "max_position_embeddings", folder),
        activation=_activation(values, folder),
        epsilon=float(epsilon),
    )
    if found.width % found.heads or found.padding >= found.vocabulary:
        raise ValueError(
            f"expected heads that divide the width, and a padding in the vocabulary; got others in {folder}"
        )
    return found


def _activation(values: dict[str, object], folder: Path) -> Activation:
    match values.get("hidden_act", "gelu"):
        case "gelu":
            return "gelu"
        case "relu":
            return "relu"
        case other:
            raise ValueError(f"expected hidden_act gelu or relu; got {other!r} in {folder}")


def _object(folder: Path) -> dict[str, object]:
    file = folder / "config.json"
    try:
        with file.open("rb") as opened:
            values = json.loads(opened.read(_LARGEST))
    except OSError as error:
        raise ValueError(
            f"expected a checkpoint's folder with config.json; {file}: {error.strerror}; {_SAVE}"
        ) from None
    except (ValueError, RecursionError):
        raise ValueError(f"expected JSON in {file}; got something else; {_SAVE}") from None
    if not isinstance(values, dict):
        raise ValueError(f"expected an object in {file}; got something else; {_SAVE}")
    return values


def _whole(values: dict[str, object], name: str, folder: Path, *, least: int = 1, usual: int | None = None) -> int:
    value = values.get(name, usual)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise ValueError(
            f"expected {name} to be a whole number of at least {least}; got {value!r} in {folder}/config.json"
        )
    return value
