"""``python -m mgdist_edge`` is ``mgdist-edge``."""

import sys

from mgdist_edge.cli import main

sys.exit(main())
