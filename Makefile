# make demo         raw text to a PPO-tuned model, offline, in about five minutes
# make test         what CI runs: the linters, and every test but the slow and the sharded ones
# make check        the linters
# make test-sharded FSDP2, ZeRO and tensor parallelism on two CPU processes; prints the table stage x strategy x check
# make build        dist/: the sdist, and the wheel made from it
# make test-floors  the tests with the oldest versions that pyproject.toml allows, and with the newest
# Each makes .venv when it is missing.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= -n 2 --dist loadscope --no-loadscope-reorder
TORCH := torch==2.13.0
export OMP_NUM_THREADS ?= 1
export HF_HUB_OFFLINE ?= 1
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: demo test check test-slow test-sharded build test-floors oldest newest format clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/gristmill run recipes/tiny.yaml

test: .venv/ready check
	$(BIN)/python -m pytest tests -m 'not slow and not sharded' --durations=15 $(WORKERS)

test-slow: .venv/ready .ray/ready
	$(BIN)/python -m pytest tests -m slow --timeout 3600

test-sharded: .venv/ready .deepspeed/ready
	$(BIN)/python -m pytest tests/distributed -m sharded --timeout 3600

# Beside the environment rather than in it: transformers and accelerate import DeepSpeed wherever they find it.
.deepspeed/ready: .venv/ready
	DS_BUILD_OPS=0 $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--target .deepspeed -c constraints.txt deepspeed hjson msgpack py-cpuinfo einops
	touch $@

# Beside the environment too: 260 MB that one test wants.
.ray/ready: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --target .ray -c constraints.txt 'ray>=2.50'
	touch $@

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

build: .venv/ready
	rm -rf dist
	$(BIN)/python -m build --no-isolation

# Torch aside: each environment has the one of .venv. Resolved anew each time, since the newest change by themselves.
test-floors: oldest newest

oldest: RESOLUTION := lowest-direct
newest: RESOLUTION := highest
oldest newest: %: .floors/%/ready
	echo torch | $(BIN)/uv pip install --quiet --python .floors/$@ --upgrade --excludes - \
		--resolution $(RESOLUTION) -e '.[dev]'
	$(BIN)/uv pip freeze --python .floors/$@ > .floors/$@.txt
	.floors/$@/bin/python -m pytest tests/unit tests/contracts tests/end_to_end/test_packaging.py \
		-m 'not slow and not sharded' $(WORKERS)

.floors/%/ready: .venv/ready
	$(BIN)/python -m venv .floors/$*
	.floors/$*/bin/pip install --quiet --disable-pip-version-check $(TORCH)
	touch $@

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .deepspeed .ray .floors build dist *.egg-info
