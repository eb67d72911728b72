"""Beside pyproject.toml: the part in C is left out where there is no compiler, or where it is unwanted."""

import os

from setuptools import Extension, setup

PURE = "MGDIST_EDGE_PURE"
"""In the environment: build the wheel that any processor takes; it answers the same, and cuts texts more slowly."""

made = Extension("mgdist_edge._lookup", ["mgdist_edge/_lookup.c"], optional=True)
setup(ext_modules=[] if os.environ.get(PURE) else [made])
