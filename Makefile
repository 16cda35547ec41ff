# The same lines that .ci/run runs. From another folder: make -C FOLDER TARGET.
# PYTHON=python3.12 make demo      chooses the Python that .venv is made with
# JOBS=4 make test                 runs tests in four processes (default: two)
SHELL := /bin/sh
JOBS ?= 2
PY := .venv/bin/python
PYTEST := $(PY) -m pytest --numprocesses $(JOBS) --dist loadfile --timeout 600 -rfEs

# A module system or a conda environment may leave these: .venv must see only itself.
unexport PYTHONPATH PYTHONHOME

ifeq ($(wildcard setup.cfg),)
$(error run make in the folder of the Makefile: make -C FOLDER TARGET)
endif

.PHONY: help demo test test-slow lint format docs dist clean venv venv-dev postgres
.PHONY: bench bench-throughput bench-epoch bench-start bench-loss

help:
	@echo 'make demo               a search on real data: installs, runs, writes a report (minutes)'
	@echo 'make test               every test but the slow ones'
	@echo 'make test-slow          the slow ones: many kills, a fresh installation (an hour)'
	@echo 'make lint               ruff, mypy --strict, the layers'
	@echo 'make format             let ruff rewrite what it can'
	@echo 'make bench              all measurements of docs/performance.md, one after another:'
	@echo '                        bench-throughput, bench-epoch, bench-start, bench-loss'
	@echo 'make docs               regenerate docs/reference'
	@echo 'make dist               a wheel, in dist/'
	@echo 'make clean              remove .venv and everything that was built; campaigns stay'

venv:
	@scripts/venv.sh all

venv-dev:
	@scripts/venv.sh dev

demo: venv
	.venv/bin/candle-workflow run hpo workflows/hpo/nt3.yaml --site local

postgres:
	@scripts/postgres.sh

test: venv-dev postgres
	$(PYTEST) -m "not slow"

test-slow: venv-dev postgres
	$(PY) -m pytest -m slow

lint: venv-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

format: venv-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: bench-start bench-loss bench-epoch bench-throughput

bench-throughput: venv-dev .venv-bench/ready
	$(PY) bench/throughput.py

# the peers that are measured beside us, away from our own packages
.venv-bench/ready: bench/peers/requirements.txt
	$(PY) -m venv .venv-bench
	.venv-bench/bin/python -m pip install -q -r bench/peers/requirements.txt
	touch $@

bench-epoch: venv-dev
	$(PY) bench/nt3_epoch.py

bench-start: venv-dev
	$(PY) bench/start.py

bench-loss: venv-dev
	$(PY) bench/loss.py

docs: venv-dev
	$(PY) scripts/make_reference.py
	$(PY) scripts/make_cli_reference.py

dist: venv-dev
	$(PY) -m pip wheel --no-deps --wheel-dir dist .

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
