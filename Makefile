# Every target works on a fresh machine that has Python >= 3.11 with venv: what is missing is installed into $(VENV).
PYTHON ?= python3
VENV ?= .venv
VENV_OLDEST ?= $(VENV)-oldest
# The oldest releases have wheels for the oldest Python only.
PYTHON_OLDEST ?= $(shell command -v python3.11 || echo $(PYTHON))

PIP = -m pip install --quiet --disable-pip-version-check
# Hypothesis' profile for automatic runs: the same examples each time, and no deadline that a compilation would miss.
PYTEST = -m pytest --hypothesis-profile=ci

.DEFAULT_GOAL := help
.PHONY: help demo test lint types check test-oldest setup clean

help:  ## say what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: $(VENV)/.core  ## read the example page; write and name its HTML view
	@mkdir -p out
	@echo "Reading examples/front_page.txt (the first run compiles for a while)"
	@$(VENV)/bin/tagger predict examples/front_page.txt
	@$(VENV)/bin/tagger predict examples/front_page.txt --format html --output out/front_page.html
	@echo "Open this in a browser: $(CURDIR)/out/front_page.html"

test: $(VENV)/.dev  ## run every test; PYTEST_ARGS="-m 'not slow'" leaves out the slow ones
	$(VENV)/bin/python $(PYTEST) $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## check style and format
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

types: $(VENV)/.dev  ## check types
	$(VENV)/bin/mypy

check: lint types test  ## all three

test-oldest: $(VENV_OLDEST)/.oldest  ## run every test with the oldest releases that pyproject.toml allows
	$(VENV_OLDEST)/bin/python $(PYTEST) $(PYTEST_ARGS)

setup: $(VENV)/.dev  ## only set up for development

clean:  ## remove what the other targets made
	rm -rf $(VENV) $(VENV_OLDEST) out .pytest_cache .mypy_cache .ruff_cache .hypothesis

# A stamp is touched when an installation is complete, so that one cut short is taken up again.

$(VENV)/.core: pyproject.toml | $(VENV)/.pip
	@echo "Installing tagger into $(VENV) (a minute or so)"
	@$(VENV)/bin/python $(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/.pip
	@echo "Installing tagger and its development tools into $(VENV) (a minute or two)"
	@$(VENV)/bin/python $(PIP) --editable ".[tables,train]" --group dev
	@touch $@

$(VENV_OLDEST)/.oldest: pyproject.toml .ci/oldest.py | $(VENV_OLDEST)/.pip
	@echo "Installing tagger with its oldest dependencies into $(VENV_OLDEST) (a minute or two)"
	@$(VENV_OLDEST)/bin/python .ci/oldest.py > $(VENV_OLDEST)/oldest.txt
	@$(VENV_OLDEST)/bin/python $(PIP) --constraint $(VENV_OLDEST)/oldest.txt --editable ".[tables,train]" --group test
	@touch $@

$(VENV_OLDEST)/.pip: PYTHON := $(PYTHON_OLDEST)
%/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "tagger needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0] + ": name another one with make PYTHON=...")'
	@$(PYTHON) -m venv $*
	@$*/bin/python $(PIP) --upgrade "pip>=25.1"  # the first that knows dependency groups
	@touch $@
