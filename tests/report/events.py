"""The events of a made-up run, as its stages write them."""

from collections.abc import Iterator

from mgdist.report.follow import Event

POINT = {"train.lr": 0.0012345, "model.width": 48, "model.dropout": 0.123, "granularities.word.encoder.kernel": 3}


def stage(name: str, state: str, seconds: float | None = None) -> Event:
    return {"event": "stage", "stage": name, "state": state} | ({} if seconds is None else {"seconds": seconds})


def trial(number: int, state: str, metric: float | None, error: str | None = None) -> Event:
    return {
        "event": "trial",
        "trial": number,
        "trials": 6,
        "point": POINT,
        "state": state,
        "metric": metric,
        "epoch": 2 if metric else 0,
        "seconds": 3.3,
        "error": error,
    }


def shipping(number: int, state: str, metric: float | None, network: float) -> Event:
    """Return a trial of a search on what would ship."""
    ships = {"ships": "int4", "size": 780_000} if metric is not None else {"ships": None, "size": None}
    return {**trial(number, state, metric), "epoch": 2, "network": network, **ships}


REFUSED: Event = {"event": "refused", "number": 1, "point": {"model.width": 512}, "why": "too large", "seconds": 4.0}


def epoch(number: int, *, best: bool) -> Event:
    return {
        "event": "epoch",
        "phase": "joint",
        "epoch": number,
        "epochs": 5,
        "loss": 0.5 / number,
        "metrics": {"accuracy": 0.8 + number / 100, "macro_f1": 0.7 + number / 100},
        "quality": 0.8 + number / 100,
        "valid_loss": 0.4,
        "best": best,
        "seconds": 8.2,
    }


STEP: Event = {
    "event": "step",
    "phase": "joint",
    "epoch": 4,
    "step": 123,
    "steps": 450,
    "loss": 0.4321,
    "samples_per_second": 1834.2,
    "seconds_left": 23.4,
}
CANDIDATE: Event = {
    "event": "candidate",
    "method": "int8_dynamic",
    "quality": 0.9123,
    "size": 345_678,
    "latency": 0.00042,
    "memory": 91_000_000,
}


def searching() -> Iterator[Event]:
    yield stage("data", "done", 3.21)
    yield stage("search", "started")
    yield {"event": "note", "text": "Ray dashboard: http://127.0.0.1:8265"}
    yield trial(1, "done", 0.91)
    yield trial(2, "stopped", 0.85)
    yield trial(3, "failed", None, "loss is not finite at step 3; lower train.lr")
    yield trial(4, "running", 0.93)


def training() -> Iterator[Event]:
    yield from searching()
    yield trial(4, "done", 0.94)
    yield stage("search", "done", 42.1)
    yield stage("train", "started")
    yield from (epoch(number, best=number < 3) for number in (1, 2, 3))
    yield STEP


def compressing() -> Iterator[Event]:
    yield from training()
    yield stage("train", "done", 142.1)
    yield stage("evaluate", "done", 2.1)
    yield stage("convert", "kept")
    yield stage("compress", "started")
    yield CANDIDATE
