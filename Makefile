# Two commands are enough on a fresh machine: `make demo` and `make test`. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-all bench lint picture clean

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/xmr run protein/amp --force -o runs/demo
	HF_HUB_OFFLINE=1 $(BIN)/xmr predict runs/demo docs/examples/peptides.fasta -o runs/demo/peptides.csv
	@echo "open runs/demo/report.html; new peptides scored in runs/demo/peptides.csv"

lint: $(STAMP)
	$(BIN)/ruff check xmr data_prep tests
	$(BIN)/ruff format --check xmr data_prep tests
	$(BIN)/mypy

test: lint
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m "not slow and not benchmark"

test-all: lint
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m "not benchmark"

bench: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/python -m pytest -m benchmark -s

picture: $(STAMP)
	$(BIN)/python docs/make_picture.py runs/demo docs/images/demo.png

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache
