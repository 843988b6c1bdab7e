# One command a job; `make help` lists them. Everything lives in .venv and var, and `make clean` removes both.
SHELL := /bin/bash
PYTHON ?= python3
PORT ?= 8000
PEOPLE ?= 3000
DATA ?= city
SERVE ?= 1
# Tests and the demo start dozens of Python processes: our modules are compiled once, not in each of them.
unexport PYTHONDONTWRITEBYTECODE
VENV := .venv
BIN := $(VENV)/bin
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet --constraint constraints.txt

.PHONY: help demo serve test steady steady-draws long lint bench clean
help:          ## what can be made
	@grep -hE '^[a-z-]+: .*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed (make PYTHON=/path/to/python)."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# Each set of dependencies is installed once, and again when what it depends on changes.
$(VENV)/.base: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the platform's dependencies …"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.%: pyproject.toml constraints.txt $(VENV)/.base
	@echo "Installing what '$*' needs …"
	@$(PIP) --editable '.[$*]'
	@touch $@

DEMO_NEEDS := $(VENV)/.base $(if $(filter journey,$(DATA)),$(VENV)/.journey)
demo: $(DEMO_NEEDS)  ## the main job, end to end, then the site (DATA=journey: real purchases; SERVE=0: only the job)
	@$(BIN)/python -m opendata.demo --data $(DATA) --people $(PEOPLE) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

serve: $(VENV)/.base  ## the site alone, with the data that are there
	@$(BIN)/python -m opendata.embedded serve --port $(PORT)

# With DATABASE_URL and BROKER_URL set, the same suite runs on PostgreSQL and Redis.
# pyspark takes minutes to build: what needs it is skipped where it is not installed, but in CI.
TEST_NEEDS := $(VENV)/.test $(if $(CI),$(VENV)/.spark)
test: $(TEST_NEEDS)  ## all tests
	@$(BIN)/python -m pytest -n auto --dist loadfile -q $(ARGS)

# Rounds of another order and other draws each; what fails even once is told with the seed of its round.
ROUNDS ?= 10
SEED ?=
steady: $(TEST_NEEDS)  ## the whole suite without browsers, ten times, in random order (ROUNDS=1 SEED=n: one round again)
	@$(BIN)/python -m tests.steady --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) $(ARGS)

steady-draws: $(TEST_NEEDS)  ## each test that draws real noise, ten times (ROUNDS=n: n times)
	@$(BIN)/python -m pytest -n auto --dist load -q -m draws --repeat $(ROUNDS) $(ARGS)

long: $(TEST_NEEDS)  ## each property test with 50 times the examples, drawn anew
	@EXAMPLES_TIMES=50 $(BIN)/python -m pytest -n auto --dist loadfile -q -m hypothesis $(ARGS)

lint: $(VENV)/.lint $(VENV)/.test $(VENV)/.spark  ## style, types, the import contract
	@$(BIN)/ruff check .
	@$(BIN)/mypy anonymize catalog opendata
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(VENV)/.test  ## the measurements, each as a ratio to the bare cost of the same machine
	@$(BIN)/python -m tests.bench

clean:         ## remove the environment and all data of the demo
	@rm -rf $(VENV) var build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
