"""Writing so that power may fail at any moment: what is named is whole, and what was said to be done stays done."""

import os
from contextlib import suppress
from pathlib import Path

_CHUNK = 2**20


def copy(source: Path, destination: Path) -> None:
    """Copy the bytes of a file; they are on the disk when this returns, though the name may not be yet."""
    with source.open("rb") as reader, destination.open("wb") as writer:
        while chunk := reader.read(_CHUNK):
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())


def write(path: Path, content: bytes) -> None:
    """Give a file another content, from one moment to the next."""
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    rename(new, path)


def rename(source: Path, destination: Path) -> None:
    """Give a file of a folder another name there, in place of what had it."""
    source.replace(destination)
    sync(destination.parent)


def point(link: Path, target: str) -> None:
    """Let a symbolic link lead to another file of its folder, from one moment to the next."""
    new = link.with_name(f".{link.name}")
    with suppress(FileNotFoundError):
        new.unlink()  # of an attempt that was cut short
    new.symlink_to(target)
    rename(new, link)


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
