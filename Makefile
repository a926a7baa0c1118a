# make setup: build .venv   make demo: see a whole reception   make test: everything CI runs   make check: lint and types
PY := .venv/bin/python

.PHONY: setup demo test check unit integration browser bench

setup: .venv/.installed

.venv/.installed: requirements/dev.txt pyproject.toml
	python3.11 -m venv .venv
	.venv/bin/pip -q install --disable-pip-version-check --require-hashes -r requirements/dev.txt
	.venv/bin/pip -q install --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	.venv/bin/diemcau demo

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

unit: setup
	$(PY) -m pytest tests/unit -q

integration: setup
	$(PY) -m pytest tests/integration -q

browser: setup
	$(PY) -m pytest tests/browser -q

test: setup
	tests/install-tools
	$(MAKE) --no-print-directory check
	node --test tests/unit/js/
	$(PY) -m pytest tests/unit tests/integration tests/browser -q
