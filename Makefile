# Everything is done by uv in a private environment, which these targets make themselves.
# A fresh machine needs Python 3.11 and make.
PYTHON ?= python3.11
TOOLS  := .tools
UV     := $(TOOLS)/bin/uv
RUN    := $(UV) run --no-sync
DEMO   ?= holdfast-demo
export UV_PYTHON_DOWNLOADS := never
# Every process of the tests would compile all it imports anew: longer than most tests take.
export UV_COMPILE_BYTECODE := 1
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow check format bench serve docs install browser readers clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install  ## Play one incident from the first wrong prediction to the verified pack, then serve it
	$(RUN) holdfast demo --dir $(DEMO)

test: install browser readers  ## Run the tests, on SQLite and PostgreSQL and in a browser
	$(RUN) pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: install browser  ## Run the slow tests: long simulations and kills at random moments
	$(RUN) pytest -m slow

check: install  ## Format, lint, types, layers, generated files and dead links
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) python docs/checks.py

format: install  ## Put the code into house format
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

bench: install  ## Measure side by side with what one would use instead, as ratios
	$(RUN) python benchmarks/ledger.py
	$(RUN) python benchmarks/monitors.py
	$(RUN) python benchmarks/pages.py
	$(RUN) python benchmarks/start.py

serve: install  ## Serve the workspace in $(DEMO) (or DEMO=folder)
	$(RUN) holdfast --workspace $(DEMO) serve

docs: install  ## Write the generated reference (settings, commands, API) into docs/reference
	$(RUN) python docs/generate.py

install: .venv/.installed

.venv/.installed: $(UV) uv.lock pyproject.toml verify/pyproject.toml
	$(UV) sync --locked --all-extras --all-packages --quiet
	@touch $@

$(UV):
	@command -v $(PYTHON) >/dev/null || { echo "Holdfast needs Python 3.11 or newer; set PYTHON=path"; exit 1; }
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

# The journeys need a Chromium. Where it is missing and we may, Debian's is installed; in CI its absence
# fails the tests instead of skipping them.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { echo "installing Chromium for the browser tests"; apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }; } || \
	  echo "no Chromium here: the browser tests will say so"

# Packs are compared in six programs that read zip files, as the journeys are driven in a browser.
readers:
	@for wanted in unzip 7z bsdtar java javac; do command -v $$wanted >/dev/null || missing=1; done; \
	  [ -z "$$missing" ] || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    { echo "installing readers of zip files for the tests"; apt-get update -qq && apt-get install -y -qq --no-install-recommends unzip p7zip-full libarchive-tools default-jdk-headless >/dev/null; }; } || \
	  echo "a reader of zip files is missing here: its tests are skipped and named at the end; in CI they fail"

clean:  ## Remove everything that make made, except the demonstration's workspace
	rm -rf .venv $(TOOLS) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
