"""The program in a bundle's README by which plain LiteRT runs it, without anything of mgdist."""

from math import prod

from mgdist_edge.chunks import WORDS
from mgdist_edge.image import ImageInput
from mgdist_edge.manifest import Manifest
from mgdist_edge.tasks import Classify
from mgdist_edge.text import SENTENCES, TextInput

_BEGIN = """import json, re, sys, zipfile
import numpy as np
from ai_edge_litert.interpreter import Interpreter

file, raw = sys.argv[1:]
parts, run = zipfile.ZipFile(file), Interpreter(file).get_signature_runner
labels = parts.read("labels.txt").decode().split("\\n")
"""
_TEXT = """known = json.loads(parts.read("tokenizer.json"))["model"]["vocab"]
ids = [[known.get(word, 1) for word in re.findall({words!r}, piece{lower})] for piece in {pieces}]
units = [np.array(each[at:at + {length}], np.int32)[:, None] for each in ids for at in range(0, len(each), {length})]
units = units[:{most}]
summaries = {{}}
for level, length, reads, wider in {levels}:
    given = [np.zeros((1, length, unit.shape[1]), unit.dtype) for unit in units]
    for padded, unit in zip(given, units):
        padded[0, :len(unit)] = unit
    masks = [{{}} if reads == "ids" else {{"mask": np.float32(np.arange(length) < len(unit))[None]}} for unit in units]
    vectors = [run(level + "_1")(**{{reads: padded}}, **mask)["vectors"][0] for padded, mask in zip(given, masks)]
    summaries[level] = np.average(vectors, 0, [len(unit) for unit in units])[None].astype(np.float32)
    units = [np.array(vectors[at:at + wider]) for at in range(0, len(vectors), wider)]
"""
_IMAGE = """pixels = np.load(raw).reshape(1, -1, {channels})  # {height} x {width} x {channels}, from 0 to 255
samples = np.float32((pixels / 255 - {mean}) / {std})
summaries = {{"{level}": run("{level}_1")(samples=samples)["vectors"]}}
"""
_END = """answer = run("head")(**summaries)["{head}"][0]
print(json.dumps(dict(zip(labels, answer.tolist()))))
"""


def program(manifest: Manifest) -> str | None:
    """Return a program that prints the probabilities of one example: ``python program.py FILE TEXT``, or ``FILE NPY``.

    None of bundles for which it would be long: several inputs or heads, hashed n-grams, pruned vocabularies, pieces of
    words, images of several levels, and whatever is neither text nor image.
    """
    if len(manifest.inputs) != 1 or len(manifest.tasks) != 1:
        return None
    ((_, fitted),), ((head, task),) = manifest.inputs.items(), manifest.tasks.items()
    if not isinstance(task, Classify):
        return None
    match fitted:
        case TextInput(order=1, pieces=None, kept=None):
            cut = f"re.split({SENTENCES.pattern!r}, raw)" if fitted.cuts("sentence") else "[raw]"
            lengths = [level.length for level in manifest.levels]
            levels = [
                (level.key, level.length, "ids" if level.reads == "ids" else "samples", wider)
                for level, wider in zip(manifest.levels, [*lengths[1:], 1], strict=True)
            ]
            lower = ".lower()" if fitted.lowercase else ""
            body = _TEXT.format(
                words=WORDS.pattern, pieces=cut, lower=lower, length=lengths[0], levels=levels, most=prod(lengths[1:])
            )
        case ImageInput(size=(height, width)) if [window.scale for window in fitted.levels.values()] in ([1], [None]):
            body = _IMAGE.format(
                height=height, width=width, channels=len(fitted.mean), mean=list(fitted.mean), std=list(fitted.std),
                level=manifest.levels[0].key,
            )  # fmt: skip
        case _:
            return None
    return _BEGIN + body + _END.format(head=head)


def section(manifest: Manifest) -> str:
    """Return what the README says of plain LiteRT, in Markdown; empty where there is no short program."""
    found = program(manifest)
    if found is None:
        return ""
    raw = "a text of one paragraph" if isinstance(next(iter(manifest.inputs.values())), TextInput) else "an .npy file"
    return f"""
Plain LiteRT, with neither mgdist nor mgdist-edge: `python program.py FILE RAW`, where RAW is {raw}.

```python
{found}```
"""
