"""The verbs of ``mgdist``; the work is done elsewhere."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mgdist import __version__
from mgdist.errors import MgdistError

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="From one YAML job to a multi-granularity model that runs on a device.",
)  # fmt: skip

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="the job's YAML file")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="PATH=VALUE", help="lay a value over the job's, such as train.lr=0.01")
]


@app.command()
def check(job_file: JobFile, overrides: Overrides = []) -> None:  # noqa: B006 - typer copies it
    """Print what a job would do: granularities and shapes, parameters, bytes, trials, phases."""
    from mgdist.data.inspect import inspect
    from mgdist.errors import JobError
    from mgdist.job.load import load
    from mgdist.job.plan import plan
    from mgdist.report.plan import show

    job = load(job_file, overrides)
    planned = plan(job)
    show(planned, _console())
    inspect(job)
    if planned.mistakes:
        raise JobError("\n".join(f"{job_file}: {mistake.path}: {mistake.message}" for mistake in planned.mistakes))


@app.command()
def submit(
    job_file: JobFile,
    overrides: Overrides = [],  # noqa: B006
    fresh: Annotated[bool, typer.Option("--fresh", help="begin anew, and keep nothing of earlier runs")] = False,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="a Ray cluster's address; an embedded one without it")
    ] = None,
) -> None:
    """Do the job: search, train, evaluate, compress, verify, bundle. The same command continues a killed run."""
    from mgdist.job.load import load
    from mgdist.pipeline import submit as carry_out
    from mgdist.report.summary import show

    console = _console()
    show(carry_out(load(job_file, overrides), console, fresh=fresh, address=address), console)


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
        app()
    except MgdistError as error:
        for line in str(error).splitlines():
            print(f"mgdist: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("mgdist: stopped; the same command goes on from here", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
