# Every target sets up what it needs: a virtual environment in .venv, with the project and its dev tools.
# Only make and Python 3.11 or newer have to be there.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Which Python makes the virtual environment: the first of these that is new enough, or PYTHON=...
PYTHON ?=
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.14 python3.13 python3.12 python3.11 python3)

# Passed on by `make test` to pytest, by `make kill`, `make bench` and `make serve` to their commands.
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz kill lint imports types fmt reference bench serve clean
.DELETE_ON_ERROR:
# Targets share one virtual environment and one output; make them one after the other.
.NOTPARALLEL:

help: ## Show this list
	@echo "Usage: make TARGET [ARGS='...'] [PYTHON=python3.x]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## See it work: a real engine, a sample app, and the calls an assistant makes
	@$(BIN)/python examples/demo.py

# Hundreds of processes of the tests import the same modules: these are compiled once, whatever is set outside.
test: $(INSTALLED) ## Everything that has to pass: lint, imports, types, tests (ARGS='-k sleep' to choose)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy --strict
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: test ## The same as make test

fuzz: $(INSTALLED) ## Every door with all nasty values there are: half an hour (ARGS='-k mcp' to choose)
	STEPCUE_FUZZ=100 $(BIN)/pytest --timeout 3600 -n auto --maxprocesses 4 --dist loadfile \
	  tests/unit/engine/test_fuzz_*.py tests/unit/mcp_server/test_fuzz_*.py $(ARGS)

lint: $(INSTALLED) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

imports: $(INSTALLED) ## Which module may import which (import-linter)
	$(BIN)/lint-imports

types: $(INSTALLED) ## mypy --strict
	$(BIN)/mypy --strict

fmt: $(INSTALLED) ## Format, and repair what ruff can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(INSTALLED) ## Write docs/tools.md and its test anew from the definitions of the tools
	$(BIN)/python -m mcp_server.reference > docs/tools.md
	$(BIN)/python -m mcp_server.reference definitions > tests/contract/definitions.json

kill: $(INSTALLED) ## Kill Stepcue 100 times while it works, and look after each death whether all is there
	@PYTHONPATH=tests $(BIN)/python -m survival $(ARGS)

bench: $(INSTALLED) ## What Stepcue costs, next to the app alone (ARGS=--quick; see CONTRIBUTING.md)
	$(BIN)/python -m benchmarks $(ARGS)

serve: $(INSTALLED) ## Run Stepcue on port 8288 (ARGS='-u http://127.0.0.1:8000/api/inngest')
	$(BIN)/stepcue dev $(ARGS)

clean: ## Remove the virtual environment, the packages of the tests on Node.js and the caches
	rm -rf $(VENV) tests/typescript/*/node_modules tests/conformance/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .grimp_cache .hypothesis

# Made anew when pyproject.toml changes; a virtual environment whose Python is gone or too old is replaced.
$(INSTALLED): pyproject.toml
	@set -eu; \
	fits='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$fits" 2>/dev/null; then \
	  found=; bare=; \
	  for python in $(PYTHONS); do \
	    "$$python" -c "$$fits" 2>/dev/null || continue; \
	    if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then found=$$python; break; fi; \
	    bare=$$python; \
	  done; \
	  if [ -z "$$found" ] && [ -n "$$bare" ]; then \
	    echo "$$bare cannot make virtual environments: its venv module is missing (on Debian and Ubuntu," \
	      "install the package python3-venv)." >&2; exit 1; \
	  elif [ -z "$$found" ]; then \
	    echo "Stepcue needs Python 3.11 or newer; none of these is: $(PYTHONS)." \
	      "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Setting up $(VENV) with $$found (once, about a minute) ..."; \
	  "$$found" -m venv --clear $(VENV); \
	fi; \
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'; \
	touch $@
