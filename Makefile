# Every target does its own set-up: `make run` and `make test` work from a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
# Of the many processes that are started, each would compile all of the code again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup setup-dev run test test-slow check audit bench faults screenshots reference team mlflow backup restore clean
.DEFAULT_GOAL := run

setup: .venv/run.stamp
setup-dev: .venv/dev.stamp

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Unroll needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python's venv module is missing: on Debian, apt install python3-venv"; exit 1; }

.venv/run.stamp: requirements.txt | .venv/bin/python
	@echo "Installing what Unroll needs (some minutes the first time) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements-dev.txt requirements-team.txt requirements.txt | .venv/bin/python
	@echo "Installing what Unroll and its tests need (some minutes the first time) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ .venv/run.stamp

run: setup  ## worker, MLflow UI and dashboard; ARGS="--dashboard-port 8600" passes options on
	@$(BIN)/python -m experiments serve $(ARGS)

test: setup-dev  ## the usual suite; without a browser its browser tests skip and say so
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

test-slow: setup-dev  ## what takes minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

check: setup-dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: setup-dev  ## known vulnerabilities of what is required, secrets in tracked files
	$(BIN)/python -m tests.audit $(ARGS)

bench: setup-dev  ## speed, as ratios within one run
	$(BIN)/python -m tests.bench $(ARGS)

faults: setup-dev  ## kills, power cuts, full disks and worse; ARGS="kills --seed 7"
	$(BIN)/python -m tests.faults $(ARGS)

screenshots: setup-dev  ## the README's pictures, from a chapter suite that is measured first
	$(BIN)/python -m experiments suite chapter
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

reference: setup  ## how fast this machine is, within ten minutes on a CPU, as a bundle; OUTPUT=lab-7.zip
	@$(BIN)/python -m experiments suite reference
	@$(BIN)/python -m experiments bundle --suite reference --output $(or $(OUTPUT),reference.zip)

team: setup-dev  ## every part of a team's installation, on loopback; ARGS="--port 8543"
	@$(BIN)/python -m experiments team $(ARGS)

mlflow: setup  ## the MLflow UI alone
	@$(BIN)/python -m experiments mlflow $(ARGS)

backup: setup  ## copy the whole store, while it is used; ARGS="--to FOLDER"
	@$(BIN)/python -m experiments backup $(ARGS)

restore: setup  ## make an empty store what a backup has; ARGS="FOLDER"
	@$(BIN)/python -m experiments restore $(ARGS)

clean:  ## caches and the virtual environment; what was recorded in mlruns/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
