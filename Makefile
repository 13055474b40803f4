# memalign-bench. `make study` and `make test` set up everything they need in .venv.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
venv := .venv
bin := $(venv)/bin
bench := $(bin)/memalign-bench
study ?= quick
paths := src tests experiments README.md
generator := experiments/genie_synth

# Python compiles what is used when it is first used; pip would compile all, and take twice as long.
# Where Python may write nothing it would compile anew each time, so pip does it there.
compile := $(if $(PYTHONDONTWRITEBYTECODE),,--no-compile)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install native study report paper ui reference test pytest archive lint format lock clean

help:  ## Show what there is.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# The lock holds hashes of everything, the build backend of what has no wheel included.
$(venv)/.installed: requirements.lock requirements-build.lock pyproject.toml $(generator)/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=python3.12, say."; exit 1; }
	@# Made anew where there is none that works: of another Python, or of one that is gone.
	$(bin)/python -c 'import ssl' 2>/dev/null || $(PYTHON) -m venv --clear $(venv)
	$(bin)/pip install --quiet --require-hashes -r requirements-build.lock
	$(bin)/pip install --quiet $(compile) --no-build-isolation --require-hashes -r requirements.lock
	$(bin)/pip install --quiet --no-build-isolation --no-deps --editable . --editable $(generator)
	touch $@

install: $(venv)/.installed  ## Set up .venv from the lock.

native: install  ## Build llama.cpp for this processor and use it where it proves faster.
	$(bin)/python -m memalign_bench.cli.machine.native

study: install  ## Align three judges on the embedded model, then report (study "quick").
	@$(bench) run experiment=quick; code=$$?; test $$code -le 1 || exit $$code; \
	  $(bench) report study=quick && exit $$code

report: install  ## Tables, figures and report.html of a study (study=NAME).
	$(bench) report study=$(study)

paper: install  ## Build paper/paper.pdf from the committed study.
	$(bench) paper

# Without a network MLflow's server never comes up when LiteLLM asks for its price list.
ui: install  ## Open the tracked runs in MLflow.
	LITELLM_LOCAL_MODEL_COST_MAP=True MLFLOW_DISABLE_TELEMETRY=true \
	  $(bin)/mlflow ui --backend-store-uri sqlite:///results/mlflow.sqlite

reference: install  ## Write conf/README.md from the comments of conf/.
	$(bin)/python -m memalign_bench.config.reference

# Types are checked by one processor: the tests need not wait for it.
test: install  ## Lint, types, layers, and the tests.
	@$(MAKE) --no-print-directory --jobs 2 lint pytest

# One more than cores: tests wait for servers, sandboxes and kills.
pytest: install
	$(bin)/pytest -n 3 --dist worksteal --durations 10

archive: install  ## Make again what is frozen: tables of earlier studies, the corpora's code.
	$(bin)/pytest -n 2 -m archive

lint: install  ## ruff, mypy, import-linter.
	$(bin)/ruff format --check $(paths)
	$(bin)/ruff check $(paths)
	$(bin)/mypy
	$(bin)/lint-imports --no-cache

format: install  ## Format and mend what ruff can.
	$(bin)/ruff format $(paths)
	$(bin)/ruff check --fix $(paths)

lock:  ## Resolve the dependencies again (needs uv).
	uv pip compile $(lock_flags) -o requirements-build.lock requirements-build.in
	uv pip compile $(lock_flags) --group dev -o requirements.lock pyproject.toml

lock_flags := --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make lock" --quiet

clean:  ## Remove .venv, caches and the study "quick".
	rm -rf $(venv) .mypy_cache .ruff_cache .pytest_cache .hypothesis results/quick build dist
