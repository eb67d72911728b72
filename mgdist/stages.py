"""The stages of a run: what each is given, and so when it must be done again.

A stage imports what it works with when it begins: torch takes seconds, in which Ray starts and data is read already.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mgdist.apart import ApartError, beside
from mgdist.cluster.connect import Connection
from mgdist.compress.budget import Budget
from mgdist.compress.candidate import Candidate
from mgdist.compress.needless import Skipped
from mgdist.data.dataset import Dataset
from mgdist.data.digest import digest as source_digest
from mgdist.data.inspect import inspect
from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist.evaluate.scores import quality
from mgdist.job.compress import STATIC, PruneStepSpec, TeachSpec
from mgdist.job.export import Asked
from mgdist.job.point import as_document, at_point, cutting, searched, unmeasured
from mgdist.job.prune import aware_tuning, fine_tuning
from mgdist.job.spec import Job
from mgdist.report.summary import Summary
from mgdist.runs import Done, Run, digest
from mgdist.search.results import Searched, trained_at
from mgdist.search.teacher import FinishedRun, Taught, teach

if TYPE_CHECKING:
    from mgdist.evaluate.network import Evaluated
    from mgdist.evaluate.scores import Heads
    from mgdist.export.candidates import Shipped
    from mgdist.export.litert_route import Converted
    from mgdist.search.ensemble import Ensemble
    from mgdist.train.launch import Trained
    from mgdist.train.prune import Pruned


@dataclass(frozen=True)
class Contender:
    """A network that may ship: the trained one, or what is left of it after a step of pruning.

    Attributes:
        number: of the step; 0 of the trained one.
        data: that it reads.
        evaluated: how good it is.
        converted: the same network for the device, in float32.
        aware: whether it was fine-tuned for a format.
    """

    number: int
    data: Done[Dataset]
    trained: "Done[Trained]"
    evaluated: "Done[Evaluated]"
    converted: "Done[Converted]"
    aware: bool = False

    @property
    def quality(self) -> float:
        """On the validation split."""
        return quality(self.evaluated.value.network["valid"])

    def stage(self, name: str) -> str:
        """Return what a stage is called that works on it."""
        return name + _suffix(self.number, aware=self.aware)


@dataclass(frozen=True)
class Line:
    """The stages of one run: what each is given, and so when it must be done again."""

    run: Run[Any]
    ray: Connection

    def read(self) -> Done[Dataset]:
        """Read, split, fit and cut the data. Ray and torch start meanwhile, since what follows will need them."""
        job = self.run.job

        def work(folder: Path) -> None:
            # Beside, not in a thread: reading holds Python's lock, and Ray would start three seconds later.
            with beside(prepare, job, folder) as read:
                import_module("mgdist.train.launch" if job.search is None else "mgdist.search.tune")
                try:
                    read()
                except ApartError as error:
                    raise DataError(f"data: reading ended early: {error}; a smaller data.limit may help") from error

        given = [source_digest(job), cutting(job)]
        if not self.run.is_done("data", *given):
            inspect(job)  # a mistake that is quickly seen should not wait for Ray
            self.ray.start()
        return self.run.stage("data", *given, do=work, load=Dataset.open)

    def teach(self, data: Done[Dataset], run: FinishedRun | None) -> Done[Taught] | None:
        """Let the run that the job learns from answer for the training rows, before anything is trained."""
        if run is None:
            return None
        work = partial(teach, run, self.run.job, data.value)
        distil = self.run.job.train.distil
        told = ["states"] if distil is not None and distil.states else []
        return self.run.stage("teach", data.digest, run.given, run.sha256, *told, do=work, load=Taught.open)

    def search(self, data: Done[Dataset], taught: Done[Taught] | None) -> Done[Searched] | None:
        """Find the best points, if the job asks for it; the trials learn from a run that teaches, too."""
        job = self.run.job
        if job.search is None:
            return None
        from mgdist.search.tune import search

        def work(folder: Path) -> None:
            self._connected()
            search(job, data.folder, folder, None if taught is None else taught.folder)

        given = [data.digest, _parts(searched(job), "task", "granularities", "model", "train", "search", "seed")]
        given += [_parts(unmeasured(job), "compress", "device")] if job.searches_deployed else []
        given += [] if taught is None else [taught.digest]
        return self.run.stage("search", *given, do=work, load=Searched.open)

    def ensemble(self, data: Done[Dataset], found: Done[Searched] | None) -> "Done[Ensemble] | None":
        """Combine the winners of the search, if the job asks for it, and measure them together."""
        job = self.run.job
        if found is None or job.search is None or job.search.ensemble is None:
            return None
        from mgdist.search.ensemble import Ensemble, ensemble

        def work(folder: Path) -> None:
            ensemble(job, data.value, found.value, found.folder, folder)
            for name, quality_of in Ensemble.open(folder).qualities.items():
                self.run.event("ensemble", name=name, quality=quality_of)

        given = [found.digest, data.digest, job.search.ensemble.model_dump(mode="json")]
        return self.run.stage("ensemble", *given, do=work, load=Ensemble.open)

    def best(self, found: Done[Searched] | None) -> tuple[Job, dict[str, Any]]:
        """Return the job that is trained to its end, and its point: the best one of a search."""
        point = {} if found is None else dict(trained_at(self.run.job, found.value))
        return at_point(self.run.job, point), point

    def teacher(self, taught: Done[Taught] | None, together: "Done[Ensemble] | None") -> tuple[Path, str] | None:
        """Return where the answers lie that the network learns from, and the digest of the weights behind them."""
        distil = self.run.job.train.distil
        if distil is not None and distil.of_ensemble and together is not None:
            return together.folder, digest(together.digest, together.value.sha256)
        return None if taught is None else (taught.folder, taught.digest)

    def train(self, best: Job, data: Done[Dataset], teacher: tuple[Path, str] | None) -> "Done[Trained]":
        """Train the network of the best point to its end, beside a teacher where there is one."""
        from mgdist.train.launch import Trained, train

        answers, weights = teacher or (None, None)

        def work(folder: Path) -> None:
            self._connected()
            train(best, data.folder, folder, answers)

        given = [data.digest, _parts(best, "task", "granularities", "model", "train", "seed")]
        given += [] if weights is None else [weights]
        return self.run.stage("train", *given, do=work, load=Trained.open)

    def contender(
        self,
        best: Job,
        number: int,
        data: Done[Dataset],
        trained: "Done[Trained]",
        simple: "Mapping[str, Heads] | None" = None,
        *,
        aware: bool = False,
    ) -> Contender:
        """Score a network and the linear baseline on the validation and the test split, and convert the network.

        Args:
            best: the job, as it was trained.
            number: of the step of pruning that the network is left from; 0 of the trained one.
            data: that it reads.
            trained: its weights.
            simple: the scores of the baseline, where they are known already.
            aware: whether it was fine-tuned for a format.
        """
        from mgdist.evaluate.network import Evaluated, evaluate, restore
        from mgdist.export.litert_route import Converted, convert

        def work(folder: Path) -> None:
            network = restore(best, data.value, trained.value.weights)
            convert(network, best, data.value.inputs, data.value.tasks, folder / "float32.tflite")

        suffix = _suffix(number, aware=aware)
        score = partial(evaluate, best, data.value, trained.value.weights, simple=simple)
        given: list[Any] = [trained.value.sha256, data.digest]
        evaluated = self.run.stage(f"evaluate{suffix}", *given, do=score, load=Evaluated.open)
        given += [_parts(best, "granularities", "model"), best.device.unit_counts, "with levels"]
        converted = self.run.stage(
            f"convert{suffix}", *given, do=work, load=lambda folder: Converted.open(folder / "float32.tflite")
        )
        return Contender(number, data, trained, evaluated, converted, aware)

    def prune(self, best: Job, whole: Contender) -> "Iterator[tuple[Done[Pruned], Contender]]":
        """Take out of the trained network what matters least, step by step, and fine-tune what is left of it."""
        spec = best.compress.prune
        if spec is None:
            return
        from mgdist.train.launch import Trained
        from mgdist.train.prune import Pruned, fine_tune, prune

        answers = None if spec.distil is None else self.answers(best, whole, spec.distil)
        before, last = PruneStepSpec(), whole
        for number, step in enumerate(spec.steps, 1):
            smaller = partial(prune, best, last.data.value, last.trained.value.weights, step, before)
            given = [last.trained.value.sha256, last.data.digest, step.model_dump(exclude={"epochs"}), spec.importance]
            pruned = self.run.stage(f"prune_{number}", *given, do=smaller, load=Pruned.open)
            tuning = fine_tuning(best, step)
            data = Done(Dataset.open(pruned.value.data), pruned.digest, pruned.value.data)

            def tune(folder: Path, tuning: Job = tuning, left: Pruned = pruned.value) -> None:
                self._connected()
                fine_tune(tuning, left, folder, None if answers is None else answers.folder)

            given = [pruned.digest, _parts(tuning, "task", "granularities", "model", "train", "seed")]
            given += [answers.digest] if answers else []
            tuned = self.run.stage(f"tune_{number}", *given, do=tune, load=Trained.open)
            last = self.contender(best, number, data, tuned, whole.evaluated.value.baseline)
            before = step
            yield pruned, last

    def answers(self, best: Job, whole: Contender, spec: TeachSpec) -> Done[Path]:
        """Let the trained network answer for the training rows, for what is made of it to learn from."""
        from mgdist.evaluate.network import leave_answers, leave_states, restore

        def work(folder: Path) -> None:
            network = restore(best, whole.data.value, whole.trained.value.weights)
            leave_answers(network, whole.data.value, folder)
            if spec.states:
                leave_states(network, best, whole.data.value, folder)

        given = [whole.trained.value.sha256, whole.data.digest, *(["states"] if spec.states else [])]
        return self.run.stage("states" if spec.states else "answers", *given, do=work, load=lambda folder: folder)

    def candidates(
        self, best: Asked, contenders: Sequence[Contender]
    ) -> list[tuple[Contender, Done[tuple[Candidate, ...]]]]:
        """Compress by the methods of the job; where it names none, and none is small and good, by mixed precision."""
        from mgdist.export.candidates import asks_for_mixed

        reference = contenders[0].quality
        usual = [(each, self.compress("compress", best, each, reference)) for each in contenders]
        if best.compress.aware is not None and isinstance(best, Job):
            usual += self.aware(best, contenders[0], usual)
        if not asks_for_mixed(best, reference, [candidate for _, stage in usual for candidate in stage.value]):
            return usual
        mixed = best.model_copy(update={"compress": best.compress.model_copy(update={"methods": ("mixed",)})})
        return [*usual, *((each, self.compress("mixed", mixed, each, reference)) for each in contenders)]

    def aware(
        self, best: Job, whole: Contender, made: Sequence[tuple[Contender, Done[tuple[Candidate, ...]]]]
    ) -> list[tuple[Contender, Done[tuple[Candidate, ...]]]]:
        """Fine-tune the smallest network that is good enough for a format that is not; nothing where there is none."""
        from mgdist.train.launch import Trained, train

        spec = best.compress.aware
        assert spec is not None, "the job asks for it"
        least = whole.quality - best.compress.max_accuracy_drop - 1e-9
        lost = [
            each
            for each, stage in made
            if each.quality >= least and any(it.method == spec.method and it.quality < least for it in stage.value)
        ]
        if not lost:
            return []
        last, tuning = lost[-1], aware_tuning(best)
        answers = None if spec.distil is None else self.answers(best, whole, spec.distil)

        def tune(folder: Path) -> None:
            self._connected()
            start, taught = last.trained.value.weights, None if answers is None else answers.folder
            train(tuning, last.data.folder, folder, taught, start, spec.method)

        given: list[Any] = [last.trained.value.sha256, last.data.digest, spec.method]
        given += [_parts(tuning, "task", "granularities", "model", "train", "seed")]
        given += [answers.digest] if answers else []
        tuned = self.run.stage("tune_aware", *given, do=tune, load=Trained.open)
        simple = whole.evaluated.value.baseline
        contender = self.contender(best, last.number, last.data, tuned, simple, aware=True)
        only = best.model_copy(update={"compress": best.compress.model_copy(update={"methods": (spec.method,)})})
        return [(contender, self.compress("compress", only, contender, whole.quality))]

    def compress(self, name: str, best: Asked, contender: Contender, reference: float) -> Done[tuple[Candidate, ...]]:
        """Quantize to each format, and measure what could ship on the validation split with the edge runtime."""
        from mgdist.export.candidates import candidates, open_candidates

        data, evaluated, converted = contender.data, contender.evaluated, contender.converted

        def tell(candidate: Candidate) -> None:
            self.run.event("candidate", **asdict(candidate))

        def work(folder: Path) -> None:
            candidates(
                best,
                data.value,
                converted.value,
                evaluated.value.valid,
                self.run.folder.name,
                folder,
                self.run.measured,
                tell,
                step=contender.number,
                reference=reference,
                aware=contender.aware,
                spread=self.ray.spread if self.ray.shares(folder) else None,
            )

        budget = [best.compress.max_accuracy_drop, best.device.max_size, best.compress.every]
        given: list[Any] = [converted.digest, evaluated.digest, best.methods, *budget]
        given += [reference] if contender.number or contender.aware else []
        given += [best.compress.calibrate] if set(STATIC) & set(best.methods) else []
        return self.run.stage(contender.stage(name), *given, do=work, load=open_candidates)

    def skipped(self, compressed: Done[tuple[Candidate, ...]]) -> tuple[Skipped, ...]:
        """Return the candidates that were not scored."""
        from mgdist.export.candidates import open_skipped

        return open_skipped(compressed.folder)

    def bundle(
        self, best: Asked, contender: Contender, compressed: Done[tuple[Candidate, ...]], way: Sequence[Candidate]
    ) -> "Done[Shipped]":
        """Pack what ships, the last on the way, and score it on the test split.

        It is linked into the run's folder, signed if a key is given.
        """
        from mgdist.export.candidates import Shipped, ship
        from mgdist.export.sign import sign

        def work(folder: Path) -> None:
            created, levels = self.run.folder.name, contender.converted.value.levels
            outputs = contender.evaluated.value.test
            ship(best, contender.data.value, levels, way, compressed.folder, outputs, created, folder)

        steps = [[each.method, each.step, each.aware, each.sha256] for each in way]
        given: list[Any] = [compressed.digest, best.name, best.run.license, steps, "with what is usual"]
        given += [best.compress.exit.model_dump()] if best.compress.exit else []
        shipped = self.run.stage("bundle", *given, do=work, load=Shipped.open)
        self.run.link(shipped.value.bundle)
        if best.run.key is not None:
            sign(self.run.folder / shipped.value.bundle.name, Path(best.run.key))
        return shipped

    def summary(
        self,
        best: Asked,
        point: dict[str, Any],
        whole: Contender,
        measured: tuple[Candidate, ...],
        chosen: Candidate,
        budget: Budget,
        shipped: "Shipped",
    ) -> Summary:
        """Return what the run came to."""
        data, evaluated = whole.data.value, whole.evaluated.value
        return Summary(
            job=best,
            folder=self.run.folder,
            bundle=self.run.folder / shipped.bundle.name,
            tasks=data.tasks,
            counts=data.counts,
            folds=data.folds,
            point=point,
            network=(evaluated.network["valid"], evaluated.network["test"]),
            baseline=(evaluated.baseline["valid"], evaluated.baseline["test"]),
            shipped=shipped.test,
            exit=shipped.exit,
            parity=shipped.parity,
            candidates=measured,
            chosen=chosen,
            budget=budget,
            loss_weights={} if whole.trained.value is None else whole.trained.value.loss_weights,
            verdicts=evaluated.verdicts,
            seconds=self.run.seconds(),
        )

    def _connected(self) -> None:
        """Wait for Ray, and tell where its dashboard is."""
        cluster = self.ray.wait()
        if cluster.dashboard is not None:
            self.run.event("note", text=f"Ray dashboard: {cluster.dashboard}")


def _suffix(number: int, *, aware: bool) -> str:
    """Return what the stages of a network are called behind their name."""
    return "_aware" if aware else f"_{number}" if number else ""


def _parts(job: Job, *names: str) -> dict[str, Any]:
    """Return some sections of a job as plain values."""
    document = as_document(job)
    return {name: document[name] for name in names}
