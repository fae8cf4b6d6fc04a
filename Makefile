# The commands of this project; `make help` lists them.

PYTHON ?= python3
BIN := .venv/bin
# Three at a time on two cores, one of them with all that share the demo: most tests wait for a server, not for a core.
PYTEST := $(BIN)/python -m pytest --numprocesses 3 --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo test check bench soak clean setup lock

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: setup ## start the exchange and three make-believe hospitals on this machine
	@exec $(BIN)/iep demo

test: setup ## run the tests
	@$(PYTEST)

check: setup ## everything a change must pass: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(PYTEST)

bench: setup ## measure speed, memory and every page, in an hour on a quiet machine; prints what missed its target
	@$(BIN)/python -m bench
	@$(BIN)/python -m bench.pages

soak: setup ## the long fault runs, which `make check` leaves out: ROWS=P1,T1 SEEDS=20; a re-run goes on
	@IEP_SOAK_ROWS="$(ROWS)" IEP_SOAK_SEEDS="$(SEEDS)" $(BIN)/python -m pytest -m soak --timeout 14400 tests/faults
	@$(BIN)/python -m docs.generate

clean: ## remove all that was made here, the demo's data too
	rm -rf .venv build var node_modules web/static/vendor *.egg-info .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

setup: build/.setup

build/.setup: requirements.lock pyproject.toml package-lock.json web/assets.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or newer is needed; '$(PYTHON)' is not. Name another one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv >/dev/null 2>&1 || \
	  { rm -rf .venv; echo "No virtual environment could be made; install its package: apt-get install python3-venv"; exit 1; }
	@echo "Setting up; a minute or two the first time."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --config-settings editable_mode=compat -e .
	@$(BIN)/python -m web.assets
	@mkdir -p build && touch build/.setup

lock: setup # after a change of the dependencies in pyproject.toml
	$(BIN)/uv pip compile -q --generate-hashes --no-header --no-annotate --all-extras --python-version 3.11 \
	  --universal pyproject.toml -o requirements.lock
