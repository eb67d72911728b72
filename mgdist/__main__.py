"""``python -m mgdist`` is ``mgdist``."""

from mgdist.cli import main

main()
