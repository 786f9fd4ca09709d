# Every target works as the only command in a fresh clone on a bare Debian 12 machine (root): `tools/setup` installs what
# is missing and is done in a blink when nothing is.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
BIN := .venv/bin
DESIRED ?= desired
# Images of Python often set it. Then every start of the program compiles all of it, which doubles what a start costs.
unexport PYTHONDONTWRITEBYTECODE
SHELL_SCRIPTS := tools/setup tools/image-parts tools/lock tools/test .ci/run

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup-run ## Watch it happen on real containers, in about a minute (KEEP=1 leaves everything running)
	@$(BIN)/python -m tools.demo

.PHONY: demo-fleet
demo-fleet: setup-dev ## Watch a fleet: an orchestrator, three hosts in networks of their own, one cut off, one revoked
	@$(BIN)/python -m tools.demo.fleet

.PHONY: playground
playground: setup-run ## A shell with an engine, a registry and three releases to try things on; gone with it
	@$(BIN)/python -m tools.playground

.PHONY: run
run: setup-run ## Run the controller on the documents in desired/ (DESIRED=folder for others)
	@$(BIN)/reconciler run --desired $(DESIRED)

.PHONY: test
test: setup-dev ## All tests, on private engines and registries, with coverage gates (ARGS='-k name' for some, ENGINE=26.1)
	@TEST_ENGINE=$(ENGINE) tools/test $(ARGS)

.PHONY: faults
faults: setup-dev ## Every fault and what holds then, with all variants; writes docs/faults.md
	@rm -f .work/faults.json
	@THOROUGH=1 FAULTS_REPORT=.work/faults.json tools/test -m fault --numprocesses $$(($$(nproc) + 2)) \
	    --dist worksteal -o faulthandler_timeout=1800
	@$(BIN)/python -m tools.faults --take .work/faults.json

.PHONY: chaos
chaos: setup-dev ## Random faults on many documents (SECONDS=3600 DOCUMENTS=100; SEED=n for the same again)
	@CHAOS_SECONDS=$(or $(SECONDS),3600) CHAOS_DOCUMENTS=$(or $(DOCUMENTS),100) tools/test -q -s \
	    -o faulthandler_timeout=0 tests/chaos

.PHONY: check
check: setup-dev ## Format, lint, types, layers, shell scripts: finds, changes nothing
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	shellcheck $(SHELL_SCRIPTS)

.PHONY: bench
bench: setup-dev ## Costs beside floors and peers, in a quarter of an hour; writes docs/performance.md (SUITE=noop, THOROUGH=1)
	@$(BIN)/python -m bench.run

.PHONY: dev
dev: setup-dev ## Make .venv with all tools, to work on the code
	@echo "ready: source $(BIN)/activate"

.PHONY: lock
lock: setup-dev ## Work out the lock files anew from pyproject.toml (ARGS=--upgrade for new versions)
	tools/lock $(ARGS)

.PHONY: clean
clean: ## Remove .venv, caches and everything else that make has made here
	rm -rf .venv .work dist build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
	    .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: setup-run setup-dev
setup-run setup-dev: setup-%:
	@tools/setup $*
