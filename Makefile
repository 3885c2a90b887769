# Everything a stranger needs: Python 3.11+, git, make. Each target does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BENCH_VENV ?= .venv-bench
JUDGES_VENV ?= .venv-judges
BIN := $(VENV)/bin
PIP := --quiet --disable-pip-version-check
STATIC := src/caudal/web/static/manifest.json
FRONTEND := $(wildcard frontend/src/*.ts frontend/src/*.css frontend/src/*.svg frontend/*.mjs frontend/*.py frontend/*.json)

.PHONY: help demo serve test chaos lint format schema api bench clean
.DEFAULT_GOAL := help

help: ## Show what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

demo: $(VENV)/ready ## See it work: sample statements of several banks, imported and proven
	$(BIN)/caudal demo

serve: $(VENV)/ready ## Open the hub at http://localhost:8710 (makes a keyring first, where there is none)
	@$(BIN)/caudal keys init --if-missing
	$(BIN)/caudal serve

test: $(VENV)/ready $(JUDGES_VENV)/ready ## Run every test
	$(BIN)/python -m pytest $(PYTEST)

chaos: $(VENV)/ready ## Kill, cut off and starve everything, the full counts; the table goes into docs/reliability.md
	CAUDAL_CHAOS=full CAUDAL_CHAOS_TABLE=docs/reliability.md $(BIN)/python -m pytest $(or $(PYTEST),tests/chaos)

lint: $(VENV)/ready ## Style, strict types, import rules, house rules
	$(BIN)/ruff format --check src tests frontend
	$(BIN)/ruff check src tests frontend
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tests.support.house_rules
	$(BIN)/python frontend/bundle.py check

format: $(VENV)/ready ## Let the formatter have its way
	$(BIN)/ruff format src tests frontend
	$(BIN)/ruff check --fix src tests frontend

schema: $(VENV)/ready ## Write store/schema.txt anew from the migrations
	$(BIN)/python -m tests.support.schema

api: $(VENV)/ready ## Write docs/openapi.json anew from the routes, and the client's operations from it
	$(BIN)/caudal openapi > docs/openapi.json
	$(BIN)/python -m tests.support.client_code

bench: $(BENCH_VENV)/ready ## Measure speed and memory beside peers and floors (BENCH="parse --quick" for a part)
	$(BENCH_VENV)/bin/python -m tests.bench $(BENCH)

clean: ## Take away what the other targets made here
	rm -rf $(VENV) $(BENCH_VENV) $(JUDGES_VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache \
	  frontend/node_modules src/caudal/web/static

$(VENV)/ready: $(VENV)/installed $(STATIC)
	touch $@

$(VENV)/installed: requirements/dev.lock requirements/build.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Caudal needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install $(PIP) --require-hashes -r requirements/dev.lock -r requirements/build.lock
	$(BIN)/pip install $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# What browsers get. Needs the network once for each package-lock.json, then no more.
$(STATIC): $(VENV)/installed $(FRONTEND)
	$(BIN)/python frontend/bundle.py

$(BENCH_VENV)/ready: requirements/bench.lock requirements/build.lock pyproject.toml
	test -x $(BENCH_VENV)/bin/python || $(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install $(PIP) --require-hashes -r requirements/bench.lock -r requirements/build.lock
	$(BENCH_VENV)/bin/pip install $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

# Providers' own client libraries that judge an emulator from outside: they need not agree with what Caudal itself needs.
$(JUDGES_VENV)/ready: requirements/judges.lock
	test -x $(JUDGES_VENV)/bin/python || $(PYTHON) -m venv $(JUDGES_VENV)
	$(JUDGES_VENV)/bin/pip install $(PIP) --require-hashes -r requirements/judges.lock
	touch $@
