"""What a service counts, for Prometheus."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from threading import Lock

from mgdist_edge.bundle import Bundle
from mgdist_edge.drift import recent
from mgdist_edge.histogram import Histogram, family, sample
from mgdist_edge.predictor import Prediction
from mgdist_edge.usual import labels_and_confidences

SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_PREFIX = "mgdist_edge_"
_TOLD = {
    "responses_total": "Responses by path and status.",
    "request_seconds": "From the head of a request for a prediction to its response.",
    "latency_seconds": "From a raw value to its answer.",
    "confidence": "Probability of the answers.",
    "answers_total": "Answers by label.",
    "drift": "Population stability index of the last answers: of the labels against those of training and against "
    "the answers on the validation split, and of the confidence against that there.",
    "versions_total": "New versions of the bundle that were taken or refused.",
    "bundle_info": "The bundle that answers.",
}
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


class Metrics:
    """Counts since the service began; drift since the bundle came. May be used from several threads."""

    def __init__(self, bundle: Bundle) -> None:
        self._lock = Lock()
        self._responses, self._labels, self._versions = (Counter[tuple[str, ...]]() for _ in range(3))
        self._latency, self._request = Histogram(SECONDS), Histogram(SECONDS)
        self._confidence: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(SHARES))
        self.begin(bundle)

    def begin(self, bundle: Bundle) -> None:
        """Another bundle answers from now on."""
        with self._lock:
            self._bundle = bundle
            self._recent = recent(bundle.manifest.tasks, bundle.manifest.usual)

    def answered(self, prediction: Prediction) -> None:
        """Count a prediction."""
        with self._lock:
            self._latency.observe(prediction.milliseconds / 1000)
            for head, answer in prediction.answers.items():
                labels, confidences = labels_and_confidences(answer)
                self._labels.update((head, label) for label in labels)
                for each in confidences:
                    self._confidence[head].observe(each)
                if head in self._recent:
                    self._recent[head].add(answer)

    def responded(self, path: str, status: int, seconds: float) -> None:
        """Count a response to a request that took so long, from its first byte on."""
        with self._lock:
            self._responses[path, str(status)] += 1
            if path == "/predict":
                self._request.observe(seconds)

    def changed(self, result: str) -> None:
        """Count an attempt to take a new version: ``taken`` or ``refused``."""
        with self._lock:
            self._versions[result,] += 1

    def text(self) -> str:
        """Return all of it in Prometheus' text format."""
        with self._lock:
            return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        heads = self._confidence.items()
        about = {"name": self._bundle.manifest.name, "created": self._bundle.manifest.created}
        yield from _family("responses_total", "counter", _counts("responses_total", self._responses, "path", "status"))
        yield from _family("request_seconds", "histogram", self._request.lines(f"{_PREFIX}request_seconds", {}))
        yield from _family("latency_seconds", "histogram", self._latency.lines(f"{_PREFIX}latency_seconds", {}))
        confidence = [line for head, each in heads for line in each.lines(f"{_PREFIX}confidence", {"head": head})]
        yield from _family("confidence", "histogram", confidence)
        yield from _family("answers_total", "counter", _counts("answers_total", self._labels, "head", "label"))
        yield from _family("drift", "gauge", self._drift())
        yield from _family("versions_total", "counter", _counts("versions_total", self._versions, "result"))
        info = [sample(f"{_PREFIX}bundle_info", 1, {**about, "sha256": self._bundle.sha256})]
        yield from _family("bundle_info", "gauge", info)

    def _drift(self) -> Iterator[str]:
        for head, each in self._recent.items():
            for against, index in each.indices():
                yield sample(f"{_PREFIX}drift", round(index, 6), {"head": head, "against": against})


def _family(name: str, kind: str, lines: Iterable[str]) -> Iterator[str]:
    return family(f"{_PREFIX}{name}", kind, _TOLD[name], lines)


def _counts(name: str, counts: Mapping[tuple[str, ...], int], *labels: str) -> list[str]:
    return [
        sample(f"{_PREFIX}{name}", count, dict(zip(labels, values, strict=True))) for values, count in counts.items()
    ]
