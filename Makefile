# Python 3.11 or newer and this file are enough; everything else is installed into .venv.
PYTHON ?= python3
VENV ?= .venv
JOBS ?= 4
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help: ## print this
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1|\2/p' $(MAKEFILE_LIST) | awk -F '|' '{printf "%-12s %s\n", $$1, $$2}'

demo: $(VENV)/.video ## watch two dozen clips go through queues, workers, faults and a budget, in a minute
	@$(BIN)/overcrank demo

up: $(VENV)/.video ## start everything on this machine, until Ctrl-C
	@$(BIN)/overcrank up

test: lint ## run every check and every test, from nothing
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

lint: $(VENV)/.dev ## run the checks that need no process: style, types, imports, spelling
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --check --quiet && $(BIN)/mypy --no-error-summary && $(BIN)/codespell
	@$(BIN)/lint-imports --no-logo > $(VENV)/imports.log || { cat $(VENV)/imports.log; false; }

bench: $(VENV)/.bench ## measure against plain Celery and taskiq, print the table, and draw docs/bench.svg
	@rm -f $(VENV)/bench.jsonl; for name in enqueue swift flight latency growth scale_out; do BENCH_RESULTS=$(VENV)/bench.jsonl $(BIN)/python benchmarks/$$name.py || exit 1; done
	@$(BIN)/python benchmarks/draw.py $(VENV)/bench.jsonl docs/bench.svg

build: $(VENV)/.dev ## build the wheel and the source archive into dist/
	@$(BIN)/python -m build --outdir dist

clean: ## remove what these targets made
	@rm -rf $(VENV) dist build overcrank-demo .*_cache .hypothesis src/*.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.video: pyproject.toml | $(BIN)/python
	@echo "installing overcrank into $(VENV) ..." && $(PIP) --editable '.[video]' && touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "installing overcrank and its tools into $(VENV) ..." && $(PIP) --editable '.[dev]' && touch $@ $(VENV)/.video

$(VENV)/.bench: pyproject.toml | $(VENV)/.dev
	@$(PIP) --editable '.[bench]' && touch $@

.PHONY: help demo up test lint bench build clean
