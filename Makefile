# make setup: build .venv   make demo: see a whole reception   make test: everything CI runs   make check: lint and types
PY := .venv/bin/python
TSC := tests/unit/js/node_modules/.bin/tsc
# What failed is played once more, alone and in the open: real browsers and killed processes depend on a busy machine.
AGAIN := --last-failed --last-failed-no-failures none
# The packet path once more without its compiled parts (ADR 22).
PLAIN := $(addprefix tests/unit/media/test_,$(addsuffix .py,arrivals codecs forwarder front relay rtp sender sendside \
  sentlog subscription twcc viewerline)) tests/unit/test_built.py \
  tests/integration/test_relay_call.py::test_two_points_see_and_hear_each_other

EVERY := tests/unit tests/integration tests/browser

.PHONY: setup demo test tools check lint types pages-types js unit integration browser bench soak fuzz

setup: .venv/.installed

.venv/.installed: requirements/dev.txt pyproject.toml setup.py $(wildcard media/native/*.[ch])
	python3.11 -m venv .venv
	.venv/bin/pip -q install --disable-pip-version-check --require-hashes -r requirements/dev.txt
	.venv/bin/pip -q install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	.venv/bin/diemcau demo

tools:
	tests/install-tools

$(TSC): tests/unit/js/package-lock.json | tools
	cd tests/unit/js && npm ci --silent --no-audit --no-fund
	touch $@

check: setup lint types pages-types

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types:
	.venv/bin/mypy

pages-types: $(TSC)
	$(TSC) -p tsconfig.json

js:
	node --test tests/unit/js/*.test.js

unit: setup js
	$(PY) -m pytest tests/unit -q

integration: setup tools
	$(PY) -m pytest tests/integration -q

browser: setup tools
	$(PY) -m pytest tests/browser -q

# Longer than CI can wait for: what is marked long, real browsers, long cuts, and a table of lines of every kind
# (LINES_S seconds for each).
soak: setup tools
	$(PY) -m pytest $(EVERY) -m long -q
	$(PY) -m pytest tests/soak -q -s

# Hostile bytes into every parser, guided by coverage: FUZZ_S seconds for each (tests/fuzz/run.py).
FUZZ_S := 120
fuzz: .fuzz/.installed
	.fuzz/bin/python -m tests.fuzz.run --seconds $(FUZZ_S)

.fuzz/.installed: requirements/base.txt requirements/fuzz.txt
	python3.11 -m venv .fuzz
	.fuzz/bin/pip -q install --disable-pip-version-check --require-hashes -r requirements/base.txt -r requirements/fuzz.txt
	touch $@

bench: setup
	tests/install-tools bench
	$(PY) -m tests.bench.forwarder
	$(PY) -m tests.bench.bench_recorder
	$(PY) -m tests.bench.lookup --json build/bench/lookup.json
	$(PY) -m tests.bench.bench_derived
	$(PY) -m tests.bench.paired --json build/bench/paired.json

# What failed (exit code 1, nothing else: a broken run stays broken) is played once more.
SHORT := -m "not alone and not long"
ALONE := -m "alone and not long"
test: setup tools $(TSC)
	$(MAKE) --no-print-directory -j 2 --output-sync=target types pages-types lint js
	DIEMCAU_PLAIN=1 $(PY) -m pytest -n 3 $(PLAIN) -q || { [ $$? -eq 1 ] && DIEMCAU_PLAIN=1 $(PY) -m pytest $(PLAIN) -q $(AGAIN); }
	$(PY) -m pytest -n 3 $(EVERY) $(SHORT) -q || { [ $$? -eq 1 ] && $(PY) -m pytest $(EVERY) $(SHORT) -q $(AGAIN); }
	$(PY) -m pytest tests/browser $(ALONE) -q || { [ $$? -eq 1 ] && $(PY) -m pytest tests/browser $(ALONE) -q $(AGAIN); }
