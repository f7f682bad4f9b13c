# What one types here. Each target makes the Python environment that it needs, once.
#
#   make demo              a synthetic case from CT to report, in demo/
#   make demo CT=FILE      the same with one's own CT: a file or a DICOM folder
#   make test              all tests            (one file: make test ARGS=Testing/unit/test_ct.py)
#   make screenshots       pictures of the modules in the main window, in screenshots/
#   make lint              ruff and mypy
#   make bench             our inference against nnU-Net's and MONAI's; lesions per second
#   make train ARGS=...    training             (what there is: make train ARGS=--help)
#   make clean             remove what was made, except .venv and runs/

PYTHON ?= python3
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: demo test screenshots lint bench train clean

demo: .venv/.stamp-run
	$(BIN)/python -m PASTAGenLib.demo $(if $(CT),--ct "$(CT)") -o demo $(ARGS)

test: .venv/.stamp-test
	$(BIN)/python -m pytest -n auto $(ARGS)

screenshots: .venv/.stamp-test
	PYTHONPATH=PASTA:PASTAGen:Testing $(BIN)/python Testing/gui/screenshots.py $(ARGS)

lint: .venv/.stamp-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.stamp-test
	$(BIN)/python Testing/benchmarks/inference.py $(ARGS)
	$(BIN)/python Testing/benchmarks/insertion.py

train: .venv/.stamp-test
	$(BIN)/python -m PASTATrain $(ARGS)

clean:
	rm -rf demo screenshots build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -not -path "./.venv/*" -prune -exec rm -rf {} +

# PyTorch comes first and by itself: it is by far the largest download, and one sees that it is.
.venv/.stamp-venv:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10))" || { \
	  echo "PASTA needs Python 3.10 or newer; say which with: make PYTHON=/path/to/python3.11"; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	touch $@

.venv/.stamp-run: .venv/.stamp-venv pyproject.toml constraints.txt
	$(INSTALL) torch
	$(INSTALL) -e ".[dicom]"
	touch $@

.venv/.stamp-test: .venv/.stamp-run
	$(INSTALL) -e ".[dicom,train,cluster,test]"
	touch $@
