# Everything runs in a virtual environment of its own; all that is needed is Python (3.10 to 3.13) and make.
PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo-output
BENCH ?= bench-output
DATA ?=
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --use-pep517 --constraint constraints.txt

.PHONY: help demo test lint tests docs bench wheel clean

help:
	@echo 'make demo   draw a map of the embedded structures and print the path of its page'
	@echo 'make test   style, types, layers and all tests'
	@echo 'make docs   build the documentation into docs/_build/html'
	@echo 'make bench  measure accuracy, speed and memory, also of the peer bvlain; some of it takes long'
	@echo 'make wheel  build the wheel into dist'
	@echo 'make clean  remove the virtual environment and all that was built'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python setup.cfg pyproject.toml constraints.txt
	@echo 'installing aiida-limap into $(VENV); the first time this takes some minutes'
	$(PIP) torch
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed
	$(PIP) --editable '.[tests]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP) --editable '.[docs]'
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed
	$(PIP) --editable '.[bench]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/aiida-limap demo --folder $(DEMO)

test: lint tests

lint: $(VENV)/.installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Files run in the order of tests/conftest.py. A test that hangs fails after a quarter of an hour, with its traceback,
# and a worker that crashes ends the run: xdist may wait for ever for one that took its place.
tests: $(VENV)/.installed-tests
	$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --timeout 900

docs: $(VENV)/.installed-docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.installed-bench
	$(BIN)/python -m benchmarks all --output $(BENCH) $(if $(DATA),--data $(DATA))

wheel: $(VENV)/.installed-tests
	$(BIN)/python -m build --wheel

clean:
	rm -rf $(VENV) build dist docs/_build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
