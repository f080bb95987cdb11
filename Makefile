# Two commands do everything: `make demo` and `make test`. Needed: git, make and Python 3.11 or newer with venv.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3 python3.12 python3.13 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-warn-script-location -c constraints.txt
ARGS ?=
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers unit bench lock clean
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

# The time of each suite is held to its budget by tests/budgets.py.
unit: $(VENV)/.dev ## pytest (ARGS="tests/core -x")
	@$(call timed,400,$(BIN)/python -m pytest -q -n $(WORKERS) --budgets $(ARGS))

bench: $(VENV)/.dev ## CPU per trade, worst loop stall
	@exec $(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.dev ## resolve constraints.txt anew, to the newest allowed releases
	@$(BIN)/pip-compile --quiet --upgrade --extra dev --strip-extras --allow-unsafe --no-header --no-annotate \
		--no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
		--output-file $(VENV)/lock.txt pyproject.toml
	@{ sed -n '/^#/!q;p' constraints.txt; grep -v '^#\|^$$' $(VENV)/lock.txt; } > $(VENV)/new.txt
	@mv $(VENV)/new.txt constraints.txt && rm $(VENV)/lock.txt

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
