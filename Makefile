# The commands for a checkout: `make help`. They need Python and make; pip installs the rest.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PYTEST_ARGS ?=
# How many tests run at a time: much of their time they wait for servers, so more than there are cores.
WORKERS ?= 4
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
DIST ?= dist

.DEFAULT_GOAL := help
.PHONY: help run test test-min test-all neighbours lint style types layers structure docs bench torture dist clean

help: ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  awk -F'|' '{ printf "make %-10s %s\n", $$1, $$2 }'

run: $(VENV)/.run ## a reaction server on SQLite at http://127.0.0.1:5000, open in the browser
	@if [ -t 1 ] && [ -z "$$CI" ] && { [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; }; \
	  then set -- --open; fi; exec $(BIN)/python -m openheart run "$$@"

test: $(VENV)/.test ## the tests
	$(PYTEST) $(PYTEST_ARGS)

test-min: ## the tests, with the oldest dependencies that setup.py allows
	@$(MAKE) --no-print-directory VENV=.venv-min .venv-min/.min
	$(PYTEST:$(BIN)%=.venv-min/bin%) -m "not slow and not torture" $(PYTEST_ARGS)

test-all: ## the tests, with each Python from 3.11 on that is installed
	@set -e; sh tools/pythons.sh | while read -r version python; do \
	  echo "== Python $$version"; \
	  $(MAKE) --no-print-directory test PYTHON="$$python" VENV=".venv-$$version" < /dev/null; \
	done

neighbours: ## the tests beside other Flask extensions, with the newest version of each
	@$(MAKE) --no-print-directory VENV=.venv-neighbours .venv-neighbours/.neighbours
	$(PYTEST:$(BIN)%=.venv-neighbours/bin%) tests/neighbours $(PYTEST_ARGS)

lint: style types layers structure ## ruff, mypy --strict, the layers and the limits of the package's structure

style: $(VENV)/.lint
	$(BIN)/ruff check --output-format concise .
	$(BIN)/ruff format --check .

types: $(VENV)/.lint
	$(BIN)/mypy
	$(BIN)/mypy tools/*.py examples/hello examples/backend examples/battery
	$(BIN)/mypy examples/factory
	$(BIN)/mypy examples/blog
	$(BIN)/mypy examples/static_site
	cd examples/batteries && MYPYPATH=../.. $(abspath $(BIN))/mypy --config-file ../../pyproject.toml app.py models.py
	cd examples/api && MYPYPATH=../.. $(abspath $(BIN))/mypy --config-file ../../pyproject.toml app.py blueprints validation.py

layers: $(VENV)/.lint
	$(BIN)/lint-imports

structure: $(VENV)/.lint
	$(BIN)/python tools/check_structure.py

docs: $(VENV)/.docs ## the documentation, as docs/_build/html/index.html
	$(BIN)/python -m sphinx --no-color -W --keep-going -n -q -b html docs docs/_build/html

bench: $(VENV)/.test ## the benchmarks against bare Flask, the peers and bare drivers, written to benchmarks/*.md
	$(BIN)/python -m benchmarks

torture: $(VENV)/.test ## the long runs: kill -9 and failovers under load, lost replies, a million targets
	$(BIN)/python -m pytest -m torture $(PYTEST_ARGS)

dist: $(VENV)/.dist ## the wheel and the sdist, in dist/
	rm -rf build $(DIST)
	$(BIN)/python -m build --outdir $(DIST)

clean: ## removes the environments and build results; keeps the counts
	rm -rf .venv .venv-* .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf build dist docs/_build *.egg-info

# A stamp file for each use of the environment, so that a second `make run` starts at once.
$(VENV)/.made:
	@command -v $(PYTHON) > /dev/null || \
	  { echo "$(PYTHON) was not found. Install Python 3.11 or newer, or choose one: make PYTHON=/path/to/python3 run" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1), and openheart needs 3.11 or newer. Choose one: make PYTHON=/path/to/python3 run" >&2; \
	    echo "Found here: $$(sh tools/pythons.sh | tr '\n' ';' | sed 's/^$$/none/')" >&2; exit 1; }
	@echo "Creating the environment $(VENV) (once)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.made setup.py pyproject.toml
	$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.made setup.py pyproject.toml requirements/test.txt
	$(PIP) -e '.[all]' -r requirements/test.txt
	@touch $@

$(VENV)/.min: $(VENV)/.made setup.py pyproject.toml requirements/test.txt requirements/min.txt
	$(PIP) -e '.[all]' -r requirements/test.txt -c requirements/min.txt
	@touch $@

$(VENV)/.neighbours: $(VENV)/.made setup.py pyproject.toml requirements/test.txt requirements/neighbours.txt
	$(PIP) -e '.[all]' -r requirements/test.txt -r requirements/neighbours.txt
	@touch $@

$(VENV)/.lint: $(VENV)/.test requirements/lint.txt requirements/docs.txt
	$(PIP) -r requirements/lint.txt -r requirements/docs.txt
	@touch $@

$(VENV)/.docs: $(VENV)/.made setup.py pyproject.toml requirements/docs.txt
	$(PIP) -e '.[all]' -r requirements/docs.txt
	@touch $@

$(VENV)/.dist: $(VENV)/.made
	$(PIP) build
	@touch $@
