# Natsuin's commands. Everything is installed into .venv and from hash-pinned files; see scripts/setup.py.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
T ?= tests

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## make .venv with the command natsuin in it, and everything else that running needs
	@$(PYTHON) scripts/setup.py run

.PHONY: setup-test
setup-test:
	@$(PYTHON) scripts/setup.py test

.PHONY: run
run: setup ## enrol a demo signer, sign a real PDF, verify it, then serve the portal at http://localhost:8710
	$(BIN)/natsuin demo --out run --serve

.PHONY: demo
demo: setup ## the same and exit; the results are in demo/
	$(BIN)/natsuin demo --out demo

.PHONY: test
test: setup-test ## run all tests, or some with T=path
	$(BIN)/pytest -n 2 --dist loadgroup $(T)

.PHONY: soak
soak: setup-test ## 10,000 enrolments and signatures in each kind of token, which must not fill up
	NATSUIN_SOAK_ROUNDS=10000 $(BIN)/pytest tests/functional/test_vault_soak.py

.PHONY: faults
faults: setup-test ## make every system call of the log's writer fail, and kill it at each
	NATSUIN_FAULT_EACH=1 $(BIN)/pytest tests/faults/test_log_system_calls.py

.PHONY: check
check: setup-test ## format, lint, types, import contracts, budgets, documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mypy scripts/*.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/pytest tests/architecture

.PHONY: format
format: setup-test ## put the sources into their standard format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: bench
bench: setup-test ## run the benchmarks, with the bounds they are held against
	$(BIN)/python -m bench

.PHONY: assets
assets: setup ## build the portal's third-party files and fonts again
	rm -f src/natsuin/web/static/vendor/.built-from
	$(BIN)/python scripts/build_assets.py

.PHONY: locks
locks: setup ## write the lock files anew after a change of dependencies; newer versions with UPGRADE=--upgrade
	scripts/make_locks.sh $(UPGRADE)

.PHONY: wheel
wheel: setup ## build an installable package, web assets included, into dist/
	$(BIN)/python -m hatchling build -t wheel

.PHONY: clean
clean: ## remove everything that was built or installed here, and the demo's results
	rm -rf .venv node_modules build dist demo run .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf src/natsuin/web/static/vendor src/natsuin/documents/fonts/*.ttf
	find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
