# make demo: the whole thing on this machine. make help: the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
export PYTHONPATH :=
export PYTHONUNBUFFERED := 1

UV := .venv-tools/bin/uv
BIN := .venv/bin

help: ## What there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: setup ## Promote a real site's data dev → qa → prod on this machine, and leave it up to look at
	@$(BIN)/python -m local.demo up

down: ## Stop what demo started
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local.demo down; else echo "nothing was set up here"; fi

aws: setup ## The laptop's AWS alone, on http://127.0.0.1:4566, until Ctrl-C
	@.venv-aws/bin/python -m local.aws serve --port 4566 --state-dir .aws-local

test: setup lint ## Everything: lint, then unit, probe, integration and end-to-end tests
	@$(BIN)/pytest --nothing-left --numprocesses 2 --no-loadscope-reorder

chaos: setup ## Every crash of every call, of Airflow's processes, and what visitors see meanwhile (CHAOS_SECONDS, CHAOS_SEED)
	@local/setup/packages.sh --chaos
	@$(BIN)/python -m tests.chaos all

unit: environments ## The tests that need no server: seconds
	@$(BIN)/pytest tests/unit

lint: environments ## Format, style, types, and which module may import which
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy .
	@$(BIN)/lint-imports --no-logo

setup: packages environments ## System packages and Python environments (the rest asks for it by itself)

packages:
	@local/setup/packages.sh

environments:
	@local/setup/environments.sh

requirements: environments ## Lock the newest versions that pyproject.toml's ranges allow
	@UV=$(UV) local/setup/lock.sh

clean: down ## Stop the demo, then remove the environments and what the demo wrote
	@rm -rf .venv .venv-aws .venv-tools .demo .aws-local

.PHONY: help demo down aws test chaos unit lint setup packages environments requirements clean
