"""What several verbs read from the command line alike."""

import argparse


def count(text: str) -> int:
    """Return a whole number from 1 to 1024."""
    if not text.isdecimal() or not 1 <= int(text) <= 1024:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 1024; got {text!r}")
    return int(text)
