# These commands do everything on a machine that has only Python 3.11+ (with venv) and make:
#   make demo   set up, simulate two machines, fit three detectors, print the table, write a report
#   make live   set up, and monitor simulated machines, with faults on demand
#   make test   set up, then run lint, type checks and all tests but the slow ones
#   make test-all   the same with all tests
#   make soak   ten simulated hours and a simulated week of the monitor, in about twelve minutes
#   make docs   set up, then build the documentation into site/, to be opened from the disk
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo live test test-slow test-all lint types soak docs clean

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,report,cluster,export,sensors,monitor,docs,dev]'
	touch $(STAMP)

demo: setup
	$(BIN)/auscult simulate demo/fleet --machines 2 --clips 40 --seconds 4 --seed 0
	$(BIN)/auscult bench demo/fleet --detectors auto,autoencoder,gamma_vae@exact --seeds 1 --epochs 20 --output demo/results

live: setup
	$(BIN)/auscult monitor --simulate --open

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/check_language.py

types: setup
	$(BIN)/mypy

# Files are distributed over the cores; four processes at most, since each holds PyTorch and the recordings.
PYTEST := $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

test: lint types
	$(PYTEST) -m 'not slow'

# The rest, after `make test`.
test-slow: setup
	$(PYTEST) -m slow

test-all: lint types
	$(PYTEST)

soak: setup
	$(BIN)/python -m bench.soak

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "documentation: site/index.html"

clean:
	rm -rf $(VENV) demo results build dist site
