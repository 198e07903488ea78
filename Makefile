PYTHON ?= python3.11
EXTRAS ?= albumentations,bench,dev,hub,humans
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
COMMA := ,

.PHONY: install demo test test-all lint clean

install: $(STAMP)

# mmpose without its dependencies: chumpy does not build.  opencv-python, which mmengine asks for, puts its files, which need libGL, over
# those of opencv-python-headless, which need no display: these go back on top.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[$(EXTRAS)]'
ifneq ($(filter mmpose bench all,$(subst $(COMMA), ,$(EXTRAS))),)
	$(BIN)/python -m pip install --constraint constraints.txt --no-deps mmpose
	$(BIN)/python -m pip install --constraint constraints.txt --no-deps --force-reinstall opencv-python-headless
endif
	touch $@

demo: install
	$(BIN)/deocc-aug demo --out out/demo
	rm -rf out/bench
	$(BIN)/deocc-aug bench pose2d --config benchmarks/configs/demo.yaml --out out/bench

test: install
	$(BIN)/python -m pytest

test-all: install
	$(BIN)/python -m pytest -m 'slow or not slow'

lint: install
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf build dist out *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find deocc_aug integrations benchmarks tests -name __pycache__ -type d -prune -exec rm -rf {} +
