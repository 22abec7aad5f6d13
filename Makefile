# What one types often. `.ci/run` is the judge of a change: all checks and tests in a fresh environment.
PYTHON ?= .venv/bin/python
# Where torch comes from; for the CUDA build: make setup TORCH=
TORCH ?= --index-url https://download.pytorch.org/whl/cpu
export OMP_WAIT_POLICY = passive
export PYTHONPATH = $(CURDIR)

.PHONY: setup check test snapshots pictures keys

setup: ## a virtual environment in .venv with the tested versions
	python3 -m venv .venv
	$(PYTHON) -m pip install -c constraints.txt $(TORCH) torch
	$(PYTHON) -m pip install -c constraints.txt -e '.[test]'

check: ## the quick part
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(dir $(PYTHON))lint-imports

test:
	$(PYTHON) -m pytest -q

snapshots: ## keep how the screens look now; then look at the SVGs
	$(PYTHON) -m pytest -q tests/ui/test_snapshots.py --snapshot-update

pictures: ## the README's, from a real session of the embedded model
	$(PYTHON) docs/make_pictures.py

keys: ## docs/keys.md, from the commands that the app declares
	$(PYTHON) docs/make_keys.py
