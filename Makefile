# Two commands are enough on a fresh machine: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
# Test processes, each on one core: `make test JOBS=8` where there are more.
JOBS ?= 2
PYTEST = HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: demo test test-all test-gpu fuzz faults bench bench-gpu lint picture docs notebooks clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/xmr run protein/amp --force -o runs/demo
	HF_HUB_OFFLINE=1 $(BIN)/xmr predict runs/demo docs/examples/peptides.fasta -o runs/demo/peptides.csv
	@echo "open runs/demo/report.html; new peptides scored in runs/demo/peptides.csv"

lint: $(STAMP)
	$(BIN)/ruff check xmr data_prep tests docs
	$(BIN)/ruff format --check xmr data_prep tests docs
	$(BIN)/mypy

test: lint
	$(PYTEST) -m "not slow and not benchmark"

test-all: lint
	$(PYTEST) -m "not benchmark"

# What needs a GPU. torch must be built for it.
test-gpu: $(STAMP)
	HF_HUB_OFFLINE=1 CUBLAS_WORKSPACE_CONFIG=:4096:8 $(BIN)/python -m pytest -n 0 -m gpu tests/gpu

# Damage to every kind of input: 5,000 cases a reader, failing inputs below runs/fuzz, a table in results/fuzz.json.
CASES ?= 5000
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz --cases $(CASES) --jobs $(JOBS) --json

# Kills at every step in the file system, then what is resumed against the undisturbed result.
KILLS ?= 200
faults: $(STAMP)
	$(BIN)/python -m tests.faults --kills $(KILLS) --json

bench: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m benchmark -s

# Prints the rows of docs/performance.md's GPU table.
bench-gpu: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/python -m tests.benchmarks.gpu

picture: $(STAMP)
	$(BIN)/python docs/make_picture.py runs/demo docs/images/demo.png

# Executes docs/notebooks (some minutes); `make docs` then shows their outputs.
notebooks: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/python docs/run_notebooks.py

# The documentation site, docs/_build/index.html; a warning is an error.
docs: $(STAMP)
	rm -rf docs/api
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache docs/_build docs/_notebooks docs/api
