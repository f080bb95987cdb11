# Two commands do everything: `make demo` and `make test`. Needed: git, make and Python 3.11 or newer with venv.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-warn-script-location -c constraints.txt
ARGS ?=
# Where packages came from is the business of whoever resolves, not of the files.
SILENT := --no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links
# More than two cores want: much of the time the tests wait for something that takes its time.
WORKERS ?= 4

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers unit bench soak lock audit clean
.NOTPARALLEL:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

# exec: the recipe's shell becomes the daemon, so signals reach it and its exit code is the recipe's.
demo: $(VENV)/.run ## install, then start the daemon over the built-in simulator (ARGS="--port 9000")
	@exec $(BIN)/orderflow-stream demo $(ARGS)

test: lint types layers unit ## install, then every check and every test
	@echo "all checks and tests passed"

lint: $(VENV)/.dev ## ruff: rules and format
	@$(call timed,30,$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet .)

types: $(VENV)/.dev ## mypy --strict
	@$(call timed,90,$(BIN)/mypy)

layers: $(VENV)/.dev ## import-linter: floors look down only
	@$(call timed,30,$(BIN)/lint-imports --no-cache --no-logo)

# The time of each suite is held to its budget by tests/budgets.py. worksteal: each worker begins with a stretch of the
# suites of its own, so that some compute while others wait, and a daemon or a tape for a whole module is started or
# read once; whoever is done takes from the others. Byte code is kept even where the environment says it should not be:
# compiled anew, with pytest's own assertions, the tests are 10 s of CPU for each worker before the first of them runs.
unit: $(VENV)/.dev $(VENV)/.js ## pytest (ARGS="tests/core -x")
	@$(call timed,560,env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -q -n $(WORKERS) --dist worksteal --budgets $(ARGS))

# In pieces that can be resumed: what is done is kept in soak/state, the figures go to soak/RESULTS.md.
soak: $(VENV)/.dev ## the long form of the tests, half an hour at a time (ARGS="--minutes 30", "--list")
	@exec $(BIN)/python -m soak $(ARGS)

bench: $(VENV)/.dev ## CPU per trade, worst loop stall
	@exec $(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.dev ## resolve constraints.txt and requirements.lock anew, to the newest allowed releases
	@$(BIN)/pip-compile --quiet --upgrade --extra dev --strip-extras --allow-unsafe --no-header --no-annotate \
		$(SILENT) --output-file $(VENV)/lock.txt pyproject.toml
	@{ sed -n '/^#/!q;p' constraints.txt; grep -v '^#\|^$$' $(VENV)/lock.txt; } > $(VENV)/new.txt
	@mv $(VENV)/new.txt constraints.txt && rm $(VENV)/lock.txt
	@$(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
		$(SILENT) -c constraints.txt --output-file $(VENV)/lock.txt pyproject.toml
	@{ sed -n '/^#/!q;p' requirements.lock; grep -v '^#\|^$$' $(VENV)/lock.txt; } > $(VENV)/new.txt
	@mv $(VENV)/new.txt requirements.lock && rm $(VENV)/lock.txt

audit: $(VENV)/.dev ## known vulnerabilities among the locked releases (Error 3: not run, no advisory service)
	@$(BIN)/python -m soak.audit

clean: ## remove the environment and every cache
	@rm -rf $(VENV) build dist .cache .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find orderflow_stream tests -name __pycache__ -type d -prune -exec rm -rf {} +

# $(call timed,BUDGET IN SECONDS,COMMAND): run, print the time it took; a slow machine is told, not failed.
define timed
began=$$(date +%s); echo "== $@ (budget $(1) s)"; $(2); code=$$?; took=$$(($$(date +%s) - began)); \
	note=; [ $$took -le $(1) ] || note=', OVER BUDGET'; echo "== $@: $$took s$$note"; exit $$code
endef

# Stamps: the second run installs nothing unless what they stand on has changed.
$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found (name it: make PYTHON=/path/to/python3)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) has no venv module: install it (Debian, Ubuntu: apt-get install python3-venv) and try again" >&2; exit 1; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing orderflow-stream into $(VENV)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "installing orderflow-stream and its checks into $(VENV)"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.run

# The stream's clients in JavaScript. Without npm everything else still runs; the tests that need them say what to do.
$(VENV)/.js: $(VENV)/.python tests/conformance/js/package.json tests/conformance/js/package-lock.json
	@command -v npm >/dev/null || { echo "no npm: the tests of foreign stream clients will fail (see .ci/run for what they need)" >&2; exit 0; }; \
		mkdir -p $(VENV)/js && cp tests/conformance/js/package.json tests/conformance/js/package-lock.json $(VENV)/js/ && \
		npm ci --prefix $(VENV)/js --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null && touch $@
