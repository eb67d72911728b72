"""The command ``mgdist-edge``: its verbs, no logic.

Nothing heavy is imported before the arguments are understood, so that ``--help`` is quick.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from mgdist_edge import __version__, serve_verb, store_verbs, watch_verb
from mgdist_edge.arguments import count
from mgdist_edge.errors import EdgeError, InputError

if TYPE_CHECKING:
    from mgdist_edge.documents import Document
    from mgdist_edge.inputs import Input
    from mgdist_edge.predictor import Prediction, Predictor


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code. What a person did wrong is one line on standard error."""
    asked = _parser().parse_args(arguments)
    try:
        for line in asked.verb(asked):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except EdgeError as error:
        return _stop(str(error), error.exit_code)
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    except OSError as error:
        return _stop(f"standard output: expected to write there; got: {error.strerror}", 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _stop(line: str, code: int) -> int:
    sys.stderr.write(f"mgdist-edge: {line}\n")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("mgdist-edge", description="Run a bundle of mgdist on this device.")
    parser.add_argument("--version", action="version", version=f"mgdist-edge {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    predict = _verb(verbs, "predict", _predict, "answer for examples")
    explain = _verb(verbs, "explain", _explain, "say which parts of examples mattered for the answer")
    for verb in (predict, explain):
        source = verb.add_mutually_exclusive_group(required=True)
        source.add_argument("--text", metavar="T", help="the text itself, of a bundle that reads text")
        source.add_argument("--file", metavar="F", type=Path, help="one example; or .jsonl: one a line")
        source.add_argument("--stdin", action="store_true", help="read one text from standard input")
        verb.add_argument("--top", metavar="K", type=count, help="show the K most probable labels")
        verb.add_argument("--no-replay", action="store_true", help="trust the device without the golden examples")
    predict.add_argument(
        "--exit", choices=("on", "off"), default="on", help="off: read all, also where it is sure before"
    )
    bench = _verb(verbs, "bench", _bench, "measure latency, cold start, memory, and energy where the board tells")
    bench.add_argument("--file", metavar="F", type=Path, required=True, help="examples, as for predict")
    bench.add_argument("--brief", action="store_true", help="latency, cold start and memory only")
    for verb in (predict, explain, bench):
        verb.add_argument("--json", action="store_true", help="answer in JSON, one line each")
        verb.add_argument("--threads", metavar="N", type=count, default=1, help="of the interpreter; default 1")
    _verb(verbs, "selftest", _selftest, "replay the golden examples on this device")
    _verb(verbs, "show", _show, "say what is in a bundle")
    web = verbs.add_parser("web", help="serve the page that runs bundles in a browser", description=_web.__doc__)
    web.add_argument("bundles", metavar="BUNDLE", type=Path, nargs="*", help="that the page offers; any can be opened")
    web.add_argument("--port", metavar="N", type=_port, default=8000, help="on 127.0.0.1; 0: any; default 8000")
    web.add_argument("--require-signature", metavar="KEY", type=Path, help="the page refuses what this did not sign")
    web.add_argument("--page", metavar="FOLDER", type=Path, help="where the page lies, if not beside this program")
    web.set_defaults(verb=_web)
    store_verbs.add(verbs)
    serve_verb.add(verbs)
    watch_verb.add(verbs)
    return parser


def _verb(
    verbs: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, run: object, purpose: str
) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.")
    verb.add_argument("bundle", metavar="BUNDLE", type=Path, help="the .tflite file")
    verb.add_argument("--require-signature", metavar="KEY", type=Path, help="refuse what this public key did not sign")
    verb.set_defaults(verb=run, started=perf_counter())
    return verb


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 65535; got {text!r}")
    return int(text)


def _loaded(asked: argparse.Namespace, *, exit: bool) -> "Predictor":
    from mgdist_edge.predictor import load

    signature, replay = asked.require_signature, not asked.no_replay
    return load(asked.bundle, threads=asked.threads, require_signature=signature, replay=replay, exit=exit)


def _explain(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.documents import naming

    predictor = _loaded(asked, exit=False)
    for document in _documents(asked, predictor.bundle.manifest.inputs):
        with naming(document):
            found = predictor.explain(document.raw)
        if asked.json:
            yield json.dumps(found.as_json(asked.top), ensure_ascii=False)
        else:
            yield _as_text(found.prediction, asked.top or 1)
            yield from found.lines()


def _predict(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.documents import naming

    predictor = _loaded(asked, exit=asked.exit == "on")
    for document in _documents(asked, predictor.bundle.manifest.inputs):
        with naming(document):
            prediction = predictor.predict(document.raw)
        yield (
            json.dumps(prediction.as_json(asked.top), ensure_ascii=False)
            if asked.json
            else _as_text(prediction, asked.top or 1)
        )


def _documents(asked: argparse.Namespace, inputs: "Mapping[str, Input]") -> "Iterator[Document]":
    from mgdist_edge.documents import Document, read_file, read_text

    kinds = [fitted.kind for fitted in inputs.values()]
    if asked.file is not None:
        yield from read_file(asked.file, inputs)
    elif kinds != ["text"]:
        option = "--stdin" if asked.stdin else "--text"
        read = ", ".join(kinds)
        raise InputError(f"{option}: expected a bundle that reads one text; this one reads {read}; use --file")
    elif asked.stdin:
        yield read_text(sys.stdin.buffer, "standard input")
    else:
        yield Document(_as_utf8(asked.text), "--text")


def _as_utf8(text: str) -> str:
    """Refuse what Python could not decode on the command line and kept as lone surrogates."""
    try:
        return text.encode().decode()
    except UnicodeEncodeError:
        raise InputError("--text: expected UTF-8 text; got other bytes; convert it, for instance with iconv") from None


def _as_text(prediction: "Prediction", top: int) -> str:
    several = len(prediction.answers) > 1
    first, *rest = [
        f"{line}{f'  {name}' if several else ''}"
        for name, answer in prediction.answers.items()
        for line in answer.lines(top)
    ]
    after = "" if prediction.stopped_after is None else f", sure after {prediction.stopped_after} units"
    return "\n".join([f"{first}  ({prediction.milliseconds:.2f} ms{after})", *rest])


def _selftest(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.predictor import load
    from mgdist_edge.selftest import require_passed, selftest

    predictor = load(asked.bundle, require_signature=asked.require_signature, replay=False)
    result = selftest(predictor)
    require_passed(result, predictor)
    yield f"passed: {result}"


def _bench(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.bench import BOARD, bench

    found = bench(
        asked.bundle,
        asked.file,
        threads=asked.threads,
        started=asked.started,
        require_signature=asked.require_signature,
        board=None if asked.brief else BOARD,
    )
    result = found.as_json()
    if asked.json:
        yield json.dumps(result)
    else:
        told = {**result, **{f"{level}_ms": each for level, each in found.levels_ms.items()}}
        yield from (f"{name:<14} {value}" for name, value in told.items() if name != "levels_ms")


def _show(asked: argparse.Namespace) -> Iterator[str]:
    from mgdist_edge.bundle import Bundle
    from mgdist_edge.summary import summary

    yield from summary(Bundle.open(asked.bundle, asked.require_signature))


def _web(asked: argparse.Namespace) -> Iterator[str]:
    """Serve the page that runs bundles in a browser, until it is interrupted."""
    from mgdist_edge.site import Site, page_folder, server

    site = Site.of(asked.page or page_folder(), asked.bundles, asked.require_signature)
    with server(site, asked.port) as serving:
        yield f"http://127.0.0.1:{serving.server_port}/  (Ctrl-C ends it)"
        serving.serve_forever()
