# Everything lives in .venv; nothing is installed outside it.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
FIELD ?=
RUN ?=
KILLS ?= 100
BIN := .venv/bin
STAMP := .venv/.synthtools-setup

export PYRIGHT_PYTHON_CACHE_DIR := $(CURDIR)/.venv/.cache/pyright
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup quickstart test test-vllm soak lint types imports lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer is needed (PYTHON=/path/to/python)"; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: $(PYTHON) is older than Python 3.11"; exit 2; }
	@test -x $(BIN)/python || { echo "setup: making .venv"; $(PYTHON) -m venv .venv; }
	@echo "setup: installing requirements.lock"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

quickstart: setup
	$(BIN)/synthtools quickstart $(if $(FIELD),--field "$(FIELD)") $(if $(RUN),--run "$(RUN)")

test: lint types imports
	$(BIN)/python -m pytest -q -m "not real_model"

# On real vLLM servers and on vLLM in the process, on CPUs, in an environment of its own; skipped where there is no wheel.
test-vllm:
	@$(PYTHON) tests/vllm/drive.py

# Runs of all stages that are killed at random moments and resumed, on a scripted server; ten kills are part of `make test`.
soak: setup
	$(BIN)/python -m tests.e2e.soak --kills $(KILLS) $(if $(SEED),--seed $(SEED))

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

imports: setup
	$(BIN)/lint-imports

lock:
	@test -x $(BIN)/uv || { echo "make lock: run 'make setup' first"; exit 2; }
	$(BIN)/uv pip compile pyproject.toml --extra embedded --extra optimize --extra ray --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--upgrade --output-file requirements.lock

clean:
	rm -rf .venv .venv-vllm .bench build dist .pytest_cache .ruff_cache .import_linter_cache .hypothesis
