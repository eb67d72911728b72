"""The verbs of ``mgdist``; the work is done elsewhere."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mgdist import __version__
from mgdist.errors import JobError, MgdistError

if TYPE_CHECKING:
    from rich.console import Console

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
    str | None, typer.Option(envvar="RAY_ADDRESS", help="a Ray cluster's address; an embedded one without it")
]

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
) -> None:
    """Do the job: search, train, evaluate, compress, verify, bundle. The same command continues a killed run."""
    from mgdist.job.load import load
    from mgdist.pipeline import submit as carry_out
    from mgdist.report.summary import show

    console = _console()
    if device_bench is not None:
        overrides = [*overrides, f"device.bench={json.dumps(str(device_bench.absolute()))}"]
    show(carry_out(load(job_file, overrides), console, fresh=fresh, address=address), console)


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
    try:
        code = typer.main.get_command(app).main(sys.argv[1:] or ["--help"], "mgdist", standalone_mode=False)
    except MgdistError as error:
        sys.exit(_say(str(error), error.exit_code))
    except typer.TyperException as error:
        sys.exit(_say(_mistake(error), JobError.exit_code))
    if code == STOPPED:
        _say("stopped; the same command goes on from here", code)
    sys.exit(code)


def _mistake(error: typer.TyperException) -> str:
    """Return what is wrong with a command line, without the usage that typer would print above it."""
    said: str = error.format_message() if hasattr(error, "format_message") else str(error)
    told = f"{said[:1].lower()}{said[1:]}".replace(". Did you mean", "; did you mean").rstrip(".")
    return f"{told}{'' if told.endswith('?') else ';'} see mgdist --help"


def _say(lines: str, code: int) -> int:
    for line in lines.splitlines():
        print(f"mgdist: {line}", file=sys.stderr)  # noqa: T201
    return code
