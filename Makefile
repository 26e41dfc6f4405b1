# make demo   raw text to a PPO-tuned model, offline, in about five minutes
# make test   what CI runs: every test but the slow and the sharded ones
# make check  the linters
# Each makes .venv when it is missing.

PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: demo test check test-slow format clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/gristmill run recipes/tiny.yaml

test: .venv/ready check
	$(BIN)/python -m pytest tests -m 'not slow and not sharded' --durations=15

test-slow: .venv/ready
	$(BIN)/python -m pytest tests -m slow --timeout 3600

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info
