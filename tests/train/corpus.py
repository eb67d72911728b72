"""A small data set, made through the real preparation: three topics, told apart by a few words."""

import json
import random
from pathlib import Path
from typing import Any

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare
from mgdist.job.point import Point, as_document, at_point, checked
from mgdist.job.spec import Job

TOPICS = {
    "sea": ["harbour", "tide", "sail", "anchor", "coral", "reef"],
    "sky": ["cloud", "wing", "comet", "orbit", "zenith", "gale"],
    "soil": ["plough", "seed", "clay", "root", "harvest", "worm"],
}
COMMON = ["the", "a", "of", "and", "to", "in", "that", "it", "was", "on", "with", "as", "for", "at", "by", "this"]


def write_corpus(path: Path, rows: int, *, seed: int = 5) -> None:
    """Write rows of one to four short sentences, most of whose words say nothing about the topic."""
    draw = random.Random(seed)
    with path.open("w") as file:
        for row in range(rows):
            topic = list(TOPICS)[row % len(TOPICS)]
            sentences = [_sentence(draw, topic) for _ in range(draw.randint(1, 4))]
            file.write(json.dumps({"text": " ".join(sentences), "label": topic}) + "\n")


def _sentence(draw: random.Random, topic: str) -> str:
    words = [draw.choice(COMMON) for _ in range(draw.randint(3, 9))]
    words.insert(draw.randrange(len(words)), draw.choice(TOPICS[topic]))
    return " ".join(words) + "."


def job_document(path: Path) -> dict[str, Any]:
    """Return a small job over a corpus, as it is written down."""
    return {
        "name": "small",
        "task": {"kind": "classify", "label": "label"},
        "data": {"source": {"kind": "files", "train": str(path)}, "input": {"kind": "text", "min_count": 1}},
        "granularities": {
            "word": {"length": 12, "encoder": {"kind": "conv", "kernel": 3}, "pool": ["mean", "max"]},
            "sentence": {"length": 4, "encoder": {"kind": "bag"}, "pool": ["attention"]},
        },
        "model": {"width": 16, "dropout": 0.1},
        "train": {"epochs": 3, "batch_size": 32, "lr": 0.01},
    }


def job(path: Path, **point: Any) -> Job:
    """Return a small job over a corpus, at a point given as ``train__lr=0.1``."""
    made, mistakes = checked(job_document(path))
    assert made is not None, mistakes
    return moved(made, **point)


def moved(job: Job, **point: Any) -> Job:
    """Return the job at a point given as ``train__lr=0.1``."""
    dotted: Point = {path.replace("__", "."): value for path, value in point.items()}
    return at_point(job, dotted)


def dataset(folder: Path, *, rows: int = 400) -> tuple[Job, Dataset]:
    """Return a small job and its prepared data."""
    write_corpus(folder / "corpus.jsonl", rows)
    small = job(folder / "corpus.jsonl")
    return small, prepare(small, folder / "data")


HEADS = {
    "topic": {"kind": "classify", "label": "topic"},
    "length": {"kind": "ordinal", "label": "length"},
    "words": {"kind": "multi_label", "label": "words", "without": "keep"},
    "counts": {"kind": "regress", "targets": ["sentences", "letters"]},
}
"""One head of each kind."""


def write_several(path: Path, rows: int, *, seed: int = 5) -> None:
    """Write rows of a title and a body, with a target for each of HEADS."""
    draw = random.Random(seed)
    with path.open("w") as file:
        for row in range(rows):
            topic = list(TOPICS)[row % len(TOPICS)]
            sentences = [_sentence(draw, topic) for _ in range(draw.randint(1, 4))]
            body = " ".join(sentences)
            told = {
                "title": f"{draw.choice(COMMON)} {draw.choice(TOPICS[topic])}",
                "body": body,
                "topic": topic,
                "length": len(sentences),
                "words": [word for word in ("the", "of", "and") if f" {word} " in body],
                "sentences": len(sentences),
                "letters": len(body) / 7,
            }
            file.write(json.dumps(told) + "\n")


def several(path: Path, **point: Any) -> Job:
    """Return a small job of two texts and four heads, at a point given as ``train__lr=0.1``."""
    document = as_document(job(path))
    text = document["data"].pop("input")
    word, sentence = document["granularities"]["word"], document["granularities"]["sentence"]
    document["data"]["inputs"] = {name: {**text, "columns": [name]} for name in ("title", "body")}
    document["granularities"] = {"title.word": word, "body.word": word, "body.sentence": sentence}
    document["task"] = {"kind": "several", "heads": HEADS, "weights": {"words": 0.5}}
    made, mistakes = checked(document)
    assert made is not None, mistakes
    return moved(made, **point)
