"""The verbs of ``mgdist``; the work is done elsewhere."""

import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from mgdist import __version__
from mgdist.errors import JobError, MgdistError

if TYPE_CHECKING:
    from rich.console import Console

    from mgdist.job.spec import Job
    from mgdist.report.state import State

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="From one YAML job to a multi-granularity model that runs on a device.",
)  # fmt: skip
keys = typer.Typer(help="Keys that bundles are signed with.", rich_markup_mode=None)
app.add_typer(keys, name="keys", no_args_is_help=True)

STOPPED = 130
"""Exit code after Ctrl-C, which is what typer makes of it."""
JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="the job's YAML file")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="PATH=VALUE", help="lay a value over the job's, such as train.lr=0.01")
]

Fresh = Annotated[bool, typer.Option("--fresh", help="begin anew, and keep nothing of earlier runs")]
Address = Annotated[
    str | None,
    typer.Option(
        envvar="RAY_ADDRESS",
        help="http://HEAD:8265 of a Ray cluster that does the job, or host:port of one to work with from here",
    ),
]
Cpus = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        metavar="CORES",
        help="cores that the driver has, on any node of the cluster with so many; without it, it is on the head",
    ),
]
Folder = Annotated[str, typer.Option(metavar="FOLDER", help="where runs are kept: a folder or an address: run.folder")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="NAME of a job for its newest run, NAME/TIME, or a folder")]

DeviceBench = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="what mgdist-edge bench --json printed on the device: device.bench"),
]


@app.command()
def check(job_file: JobFile, overrides: Overrides = []) -> None:  # noqa: B006 - typer copies it
    """Print what a job would do: granularities and shapes, parameters, bytes, trials, phases."""
    from mgdist.data.inspect import inspect
    from mgdist.export.sign import require_key
    from mgdist.job.load import load
    from mgdist.job.plan import plan
    from mgdist.report.plan import show
    from mgdist.search.teacher import teacher_of

    job = load(job_file, overrides)
    planned = plan(job)
    show(planned, _console())
    inspect(job)
    teacher_of(job)
    require_key(job)
    if planned.mistakes:
        raise JobError("\n".join(f"{job_file}: {mistake.path}: {mistake.message}" for mistake in planned.mistakes))


@app.command()
def submit(
    job_file: JobFile,
    overrides: Overrides = [],  # noqa: B006
    fresh: Fresh = False,
    address: Address = None,
    device_bench: DeviceBench = None,
    detach: Annotated[bool, typer.Option("--detach", help="return once the cluster has taken the job")] = False,
    ship: Annotated[
        bool, typer.Option("--ship/--no-ship", help="copy the data to run.folder; or: its paths are the cluster's own")
    ] = True,
    driver_cpus: Cpus = None,
    run: Annotated[str | None, typer.Option(hidden=True, help="time of the run to go on with")] = None,
    expect: Annotated[Path | None, typer.Option(hidden=True, help="versions that must be installed")] = None,
) -> None:
    """Do the job: search, train, evaluate, compress, verify, bundle. The same command continues a killed run."""
    from mgdist.job.load import load

    if device_bench is not None:
        overrides = [*overrides, f"device.bench={json.dumps(str(device_bench.absolute()))}"]
    job = load(job_file, overrides)
    if expect is not None:
        from mgdist.cluster.environment import require

        require(expect)
    elif _is_entry(address):
        raise typer.Exit(_hand_over(job, str(address), driver_cpus, fresh=fresh, shipped=ship, detach=detach))
    if detach or not ship or driver_cpus:
        raise JobError(
            "--detach, --no-ship, --driver-cpus: expected --address http://HEAD:8265 with them; got no such address"
        )
    _carry_out(job, fresh=fresh, address=address, name=run)


def _is_entry(address: str | None) -> bool:
    return address is not None and address.startswith(("http://", "https://"))


def _hand_over(job: "Job", address: str, driver_cpus: float | None, *, fresh: bool, shipped: bool, detach: bool) -> int:
    from mgdist.export.sign import require_key
    from mgdist.operating import hand_over
    from mgdist.search.teacher import teacher_of

    require_key(job)
    teacher_of(job)  # one that cannot teach is told of before anything is sent
    return hand_over(job, address, typer.echo, fresh=fresh, shipped=shipped, detach=detach, cpus=driver_cpus)


def _carry_out(job: "Job", *, fresh: bool, address: str | None, name: str | None = None) -> None:
    from mgdist.pipeline import submit as carry_out
    from mgdist.report.summary import show

    console = _console()
    show(carry_out(job, console, fresh=fresh, address=address, name=name), console)


@app.command()
def runs(
    folder: Folder = "runs",
    as_json: Annotated[bool, typer.Option("--json", help="a line of JSON a run")] = False,
) -> None:
    """List runs, and how they stand."""
    from mgdist.report.runs import plain, show_all
    from mgdist.report.state import states

    if as_json:
        for state in states(folder):
            typer.echo(json.dumps(plain(state)))
    else:
        show_all(states(folder), folder, _console())


@app.command()
def status(
    run: RunName,
    folder: Folder = "runs",
    as_json: Annotated[bool, typer.Option("--json", help="as JSON")] = False,
) -> None:
    """Tell how a run stands."""
    from mgdist.report.runs import plain, show

    state = _state(run, folder)
    if as_json:
        typer.echo(json.dumps(plain(state)))
    else:
        show(state, _console())


@app.command()
def logs(
    run: RunName,
    folder: Folder = "runs",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="stay, and print what comes")] = False,
) -> None:
    """Print what a run has told, one line an event."""
    from mgdist.operating import follow as carry_out

    carry_out(_state(run, folder).place, typer.echo, on=follow)


@app.command()
def stop(run: RunName, folder: Folder = "runs") -> None:
    """End the work on a run, here or on a cluster; what is finished is kept."""
    from mgdist.operating import stop as carry_out

    carry_out(_state(run, folder), typer.echo)


@app.command()
def resume(
    run: RunName,
    folder: Folder = "runs",
    address: Address = None,
    detach: Annotated[bool, typer.Option("--detach", help="return once the cluster has taken the job")] = False,
    driver_cpus: Cpus = None,
) -> None:
    """Go on with a run where it was worked on before, or on another cluster."""
    from mgdist.operating import job_of

    state = _state(run, folder)
    job = job_of(state)
    address = address or (None if state.sent is None else state.sent.address)
    if _is_entry(address):
        raise typer.Exit(_hand_over(job, str(address), driver_cpus, fresh=False, shipped=True, detach=detach))
    _carry_out(job, fresh=False, address=address, name=state.place.name)


@app.command()
def fetch(
    run: RunName,
    folder: Folder = "runs",
    to: Annotated[Path | None, typer.Option(metavar="FOLDER", help="to be made; named like the job without it")] = None,
) -> None:
    """Copy the bundle, the reports and the job of a finished run to a folder of this machine."""
    from mgdist.operating import fetch as carry_out

    state = _state(run, folder)
    to = carry_out(state, to)
    typer.echo(f"{to / state.bundle}: from {state.name}; mgdist-edge predict {to / state.bundle} runs it")


def _state(run: str, folder: str) -> "State":
    from mgdist.operating import standing
    from mgdist.report.state import find

    return standing(find(folder, run))


@app.command()
def evaluate(
    job_file: JobFile,
    overrides: Overrides = [],  # noqa: B006
    fresh: Fresh = False,
    address: Address = None,
) -> None:
    """Do the job at each fold of data.split.folds, and print the scores of all with their mean and deviation.

    The same command continues a killed run. What the folds bundle is evidence; what ships comes from submit.
    """
    from mgdist.job.load import load
    from mgdist.pipeline import evaluate as carry_out
    from mgdist.report.folds import show

    console = _console()
    show(carry_out(load(job_file, overrides), console, fresh=fresh, address=address), console)


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="a .keras file, a SavedModel folder, a .pt2, or YAML")],
    data: Annotated[str | None, typer.Option(metavar="FILE", help="examples, such as .npz: data.source.train")] = None,
    data_valid: Annotated[str | None, typer.Option(metavar="FILE", help="examples to choose by")] = None,
    data_test: Annotated[str | None, typer.Option(metavar="FILE", help="examples to test with")] = None,
    task: Annotated[str | None, typer.Option(help="classify or regress: task.kind")] = None,
    label: Annotated[str | None, typer.Option(help="column of the label, or of the number: task.label")] = None,
    labels: Annotated[str | None, typer.Option(help="names with a comma between, in the order of the outputs")] = None,
    column: Annotated[str | None, typer.Option(help="column that the only input is read from")] = None,
    divide: Annotated[float | None, typer.Option(help="what the numbers of the only input are divided by")] = None,
    budget: Annotated[float | None, typer.Option(help="accuracy that may be lost: compress.max_accuracy_drop")] = None,
    methods: Annotated[str | None, typer.Option(help="formats with a comma between: compress.methods")] = None,
    max_size: Annotated[str | None, typer.Option(help="such as '100 kB': device.max_size")] = None,
    profile: Annotated[str | None, typer.Option(help="kind of device: device.profile")] = None,
    overrides: Overrides = [],  # noqa: B006
    fresh: Fresh = False,
) -> None:
    """Compress, verify and bundle a model of yours: Keras 3, SavedModel or torch.export."""
    from mgdist.exporting import export as carry_out
    from mgdist.job.load import load_export
    from mgdist.report.summary import show

    plain = model.suffix not in (".yaml", ".yml")
    several = None if labels is None else labels.split(",")
    targets = None if label is None or task != "regress" else label.split(",")
    given = {
        "data.source.kind": "files" if data else None, "data.source.train": data, "data.source.valid": data_valid,
        "data.source.test": data_test, "task.kind": task or ("classify" if plain else None),
        "task.label": label if targets is None else None, "task.targets": targets, "task.labels": several,
        "data.input.column": column, "data.input.divide": divide, "compress.max_accuracy_drop": budget,
        "compress.methods": None if methods is None else methods.split(","), "device.max_size": max_size,
        "device.profile": profile,
    }  # fmt: skip
    laid = [f"{path}={json.dumps(value)}" for path, value in given.items() if value is not None]
    console = _console()
    show(carry_out(load_export(model, [*laid, *overrides]), console, fresh=fresh), console)


@app.command()
def bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="folder of a finished run, or the bundle in it")],
    client: Annotated[str, typer.Option("--for", metavar="CLIENT", help="mediapipe")],
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="write there; RUN/NAME.mediapipe.tflite")] = None,
    method: Annotated[str | None, typer.Option(help="format of the weights; as it shipped")] = None,
    words: Annotated[int | None, typer.Option(help="that are read of a text; as many as the bundle reads")] = None,
    budget: Annotated[float | None, typer.Option(help="share of labels that may be others; the job's budget")] = None,
) -> None:
    """Make a variant of what a run shipped, for clients that cannot read a bundle."""
    from mgdist.clients import bundle_for_mediapipe
    from mgdist.job.compress import Method

    if client != "mediapipe":
        raise JobError(f"--for: expected mediapipe; got {client}; any other TFLite runtime loads the bundle itself")
    known: tuple[Method, ...] = get_args(Method)
    chosen = next((each for each in known if each == method), None)
    if method is not None and chosen is None:
        raise JobError(f"--method: expected one of {', '.join(known)}; got {method}")
    if budget is not None and not 0 <= budget <= 1:
        raise JobError(f"--budget: expected a share from 0 to 1; got {budget:g}")
    typer.echo(bundle_for_mediapipe(run, to, method=chosen, budget=budget, words=words))


@app.command()
def sign(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="the .tflite file")],
    key: Annotated[Path, typer.Option(metavar="KEY", help="private key of mgdist keys new")],
    to: Annotated[Path | None, typer.Option(metavar="FILE", help="write there, and leave BUNDLE as it is")] = None,
) -> None:
    """Sign a bundle, so that a device can refuse what others made."""
    from mgdist.export.sign import sign as carry_out

    done = carry_out(bundle, key, to)
    typer.echo(f"{done.path}: signed with key {done.signer}")


@keys.command()
def new(
    place: Annotated[Path, typer.Argument(metavar="PLACE", help="a folder, or the file of the private key")],
) -> None:
    """Make a private key to sign bundles with, and a public one for devices."""
    from mgdist.export.sign import new_keys

    private, public, name = new_keys(place)
    typer.echo(f"{private}: private key {name}; keep it secret, and off devices")
    typer.echo(f"{public}: public key {name}; for devices: mgdist-edge ... --require-signature {public.name}")


def _console() -> "Console":
    from rich.console import Console

    # Where nobody's window sets a width, the tables need no more than this.
    return Console(width=None if sys.stdout.isatty() else 120)


@app.callback(invoke_without_command=True)
def version(
    shown: Annotated[bool, typer.Option("--version", help="print the version")] = False,
) -> None:
    """Train multi-granularity models on Ray and ship them to devices."""
    if shown:
        typer.echo(f"mgdist {__version__}")
        raise typer.Exit


def main() -> None:
    """Run a verb; what goes wrong becomes lines on the error stream and an exit code."""
    signal.signal(signal.SIGTERM, _stop)  # as Ctrl-C: what was begun is left as it can be continued
    try:
        code = typer.main.get_command(app).main(sys.argv[1:] or ["--help"], "mgdist", standalone_mode=False)
    except MgdistError as error:
        sys.exit(_say(str(error), error.exit_code))
    except typer.TyperException as error:
        sys.exit(_say(_mistake(error), JobError.exit_code))
    if code == STOPPED:
        _say("stopped; the same command goes on from here", code)
    sys.exit(code)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def _mistake(error: typer.TyperException) -> str:
    """Return what is wrong with a command line, without the usage that typer would print above it."""
    said: str = error.format_message() if hasattr(error, "format_message") else str(error)
    told = f"{said[:1].lower()}{said[1:]}".replace(". Did you mean", "; did you mean").rstrip(".")
    return f"{told}{'' if told.endswith('?') else ';'} see mgdist --help"


def _say(lines: str, code: int) -> int:
    for line in lines.splitlines():
        print(f"mgdist: {line}", file=sys.stderr)  # noqa: T201
    return code
