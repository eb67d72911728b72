"""Events as lines for people."""

from collections.abc import Mapping

from mgdist.compress.candidate import name_of
from mgdist.job.device import size_line
from mgdist.report.follow import Event


def sentence(event: Event) -> str:
    """Return an event as one line for people; an empty one for an event that is not known."""
    return plain(_told(event))


def plain(text: str) -> str:
    """Return a text on one line, without the characters that steer a terminal."""
    return "".join(letter for letter in " ".join(text.split("\n")) if letter.isprintable())


def point_line(point: Mapping[str, object]) -> str:
    """Return a point on one line."""

    def shown(value: object) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    return "  ".join(f"{path}={shown(value)}" for path, value in point.items())


def _told(event: Event) -> str:
    match event:
        case {"event": "stage", "stage": stage, "state": "started"}:
            return f"{stage} ..."
        case {"event": "stage", "stage": stage, "state": "done", "seconds": seconds}:
            return f"{stage} done in {seconds:.1f} s"
        case {"event": "stage", "stage": stage, "state": "kept"}:
            return f"{stage} kept: nothing that it depends on has changed"
        case {"event": "submitted" | "run"}:
            return _of_run(event)
        case {"event": "trial", "trial": trial, "trials": trials, "state": state, "point": point}:
            metric, epoch, error = event.get("metric"), event.get("epoch"), event.get("error")
            told = "" if metric is None else f" {metric:.4f} after epoch {epoch}"
            if event.get("network") is not None:
                ships, size = event.get("ships"), event.get("size")
                told = f" network {event['network']:.4f} after epoch {epoch}"
                told += f", ships {ships} {metric:.4f} {size_line(size)}" if ships and size else ""
            return f"trial {trial}/{trials} {state}{told}  {point_line(point)}{f'  because: {error}' if error else ''}"
        case {"event": "refused", "point": point, "why": why}:
            return f"refused before training  {point_line(point)}  because: {why}"
        case {"event": "step", "epoch": epoch, "step": step, "steps": steps}:
            return f"epoch {epoch}  step {step}/{steps}  {pace(event)}"
        case {"event": "epoch", "epoch": epoch, "epochs": epochs}:
            metrics = "  ".join(f"{name.replace('_', ' ')} {value:.4f}" for name, value in event["metrics"].items())
            learned = "  ".join(f"{name} {value:.3g}" for name, value in event.get("loss_weights", {}).items())
            return (
                f"epoch {epoch}/{epochs}  loss {event['loss']:.4f}  valid loss {event['valid_loss']:.4f}  {metrics}"
                f"{f'  weights {learned}' if learned else ''}{'  best so far' if event.get('best') else ''}"
            )
        case {"event": "candidate"}:
            return _candidate(event)
        case {"event": "ensemble", "name": name, "quality": value}:
            return f"ensemble: {name}: quality {value:.4f}"
        case {"event": "note", "text": text}:
            return str(text)
        case _:
            return ""


def _candidate(event: Event) -> str:
    name = name_of(event["method"], event.get("step", 0), aware=event.get("aware", False))
    costs = f"{size_line(event['size'])}, {event['latency'] * 1e3:.2f} ms, {event['memory'] / 1e6:.0f} MB memory"
    return f"{name}: quality {event['quality']:.4f}, {costs}"


def _of_run(event: Event) -> str:
    match event:
        case {"event": "submitted", "address": address, "submission": submission}:
            return f"submitted to {address} as {submission}"
        case {"state": "started", "host": host, "pid": pid}:
            return f"begun by process {pid} of {host}"
        case {"state": "failed", "error": error}:
            return f"failed: {error}"
        case _:
            return str(event.get("state", ""))


def pace(step: Event) -> str:
    """Return how a training goes at one step."""
    return (
        f"loss {step['loss']:.4f}  {step.get('seconds_left', 0):.0f} s left  {step.get('samples_per_second', 0):,.0f}/s"
    )
