"""How the only input and the only head of a bundle are called; it imports nothing, so that anyone may."""

ONLY_INPUT = "input"
ONLY_HEAD = "answer"
