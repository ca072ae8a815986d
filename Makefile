# Every target makes .venv first if there is none. PYTHON chooses the interpreter (3.11 or 3.12).
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TENSORFLOW := $(VENV)/.tensorflow

# What runs a second time on the plain bodies of the ops, which are the specification.
ON_PLAIN_BODIES := tests/networks tests/training/losses tests/training/augment \
	$(addprefix tests/torch_utils/ops/test_,bias_act.py upfirdn2d.py synthesis_epilogue.py conv2d_resample.py warp.py \
	filtered_lrelu.py registration.py)

# A process a core; a file's tests stay together, since they share what is dear to make.
SIDE_BY_SIDE := -n auto --maxprocesses 8 --dist loadfile

.PHONY: demo demo-paint test test-long lint bench doctor clean

demo: $(STAMP)
	$(BIN)/python demo.py

demo-paint: $(STAMP)
	$(BIN)/python paint.py demo

test: $(STAMP) $(TENSORFLOW) lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow"
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m "not slow" --plain $(ON_PLAIN_BODIES) --ignore tests/networks/public

test-long: $(STAMP)
	$(BIN)/python -m pytest -m slow --timeout 1500

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(STAMP)
	$(BIN)/python -m benchmarks.training_cpu
	$(BIN)/python -m benchmarks.dataset_cpu

doctor: $(STAMP)
	$(BIN)/python -m torch_utils.ops.doctor

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

# For the test of one loader, which is skipped, and counted, where TensorFlow does not install.
$(TENSORFLOW): $(STAMP)
	-$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[tensorflow]"
	touch $(TENSORFLOW)

clean:
	rm -rf $(VENV) demo runs
