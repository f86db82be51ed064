# The commands that people and CI run. `make help` lists them.
SHELL := /bin/bash
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help install demo test unit check format lock bench docs clean

help: ## list these commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | column -t -s $$'\t'

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (pinned by constraints.txt)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r constraints.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

install: $(STAMP) ## make the virtual environment and install what is pinned

demo: $(STAMP) ## run the main job on the example app, for real where the machine can, else rehearsed
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python examples/demo.py

test: $(STAMP) ## run lint, types and all the tests that this machine can run
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m pytest tests

unit: $(STAMP) ## run the fast tests, which need nothing but Python
	$(BIN)/python -m pytest tests/unit

check: $(STAMP) ## lint, format, types, import directions and this project's own pipeline
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/orbyard ci.validate --strict

format: $(STAMP) ## format the code, and regenerate the pages made from it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## regenerate the pages that are made from the code
	$(BIN)/python docs/generate.py

lock: $(STAMP) ## refresh constraints.txt from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
	  --no-emit-index-url --no-header --quiet --upgrade -o constraints.txt

bench: $(STAMP) ## run the benchmarks
	$(BIN)/python -m benchmarks

clean: ## remove what was built here
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
