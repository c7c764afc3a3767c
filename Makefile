# Everything from a fresh clone on; `make help` lists it. Needed: Python 3.11, git, make, and a package index.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3.11
VENV := .venv
NEW_DASK_VENV := .venv-new-dask
BIN := $(VENV)/bin

# Two workers, and the tests of one file in one process: their fixtures (clusters, simulated files) are made once.
# In our order, the longest first (tests/conftest.py), and not in that of the number of tests, which says little.
PYTEST := -m pytest -n 2 --dist loadfile --no-loadscope-reorder
PYTEST_ARGS ?=

# What both locks hold: all that the tests use. Set A adds dask-awkward and the dask that it works with.
LOCKED := --extra dashboard --extra fit --extra limit --extra notebook --extra plot --extra parsl --extra dev
# No trace of the machine that made the lock; no build isolation, because hatchling is in the lock already.
PIP_COMPILE := $(BIN)/python -m piptools compile --quiet --strip-extras --no-header --no-build-isolation \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(LOCKED)
UPGRADE ?=

# $(call compiled,LOCK,EXTRAS,WHAT): pins that are in the lock stay where they can, unless UPGRADE=--upgrade.
define compiled
$(PIP_COMPILE) $(UPGRADE) $(2) --output-file $(1) pyproject.toml
{ echo '# $(3) Made by "make lock" for Python 3.11; not edited by hand.'; cat $(1); } > $(1).new
mv $(1).new $(1)
endef

# $(call environment,FOLDER,LOCK): packages of the lock, then the project itself, editable and without a look at the
# index. --no-compile: modules are compiled when first imported, which halves the time of the installation.
define environment
@command -v $(PYTHON) > /dev/null || { echo "error: no $(PYTHON) here; make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
	|| { echo "error: $(PYTHON) is not Python 3.11, for which $(2) is made" >&2; exit 1; }
@echo "Making $(1) from $(2); this takes a minute or two"
@$(PYTHON) -m venv $(1)
@$(1)/bin/python -m pip install -qq --disable-pip-version-check --no-compile --requirement $(2)
@$(1)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
@touch $(1)/.made
endef

# $(call compiled_kernels,FOLDER): one chunk of each analysis, so that no later run has to compile. What fails here fails again,
# and is explained, in the first run that somebody asks for.
define compiled_kernels
@echo "Compiling the kernels"
@$(1)/bin/columnar-af run ds_phi_pi datasets/ds_phi_pi.yaml --max-chunks 1 > /dev/null || true
@$(1)/bin/columnar-af run stop_search datasets/stop_loopsusy.yaml --dataset Wt_mc16e --max-chunks 1 > /dev/null || true
endef

.PHONY: help
help:  ## List what there is to make
	@awk -F ':.*  ## ' '/^[a-z-]+:.*  ## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.made  ## Make .venv from the lock file, with the project in it
	@echo "Ready: . $(BIN)/activate"

$(VENV)/.made: requirements/set-a.lock pyproject.toml
	$(call environment,$(VENV),$<)
	$(call compiled_kernels,$(VENV))

$(NEW_DASK_VENV)/.made: requirements/new-dask.lock pyproject.toml
	$(call environment,$(NEW_DASK_VENV),$<)

DEMO := results/ds_phi_pi
MEASUREMENT := results/measurement
STOP := results/stop

.PHONY: demo
demo: demo-ds demo-measurement demo-stop  ## All demos, on simulated ntuples: figures, tables, and the truth beside what was found

.PHONY: demo-ds
demo-ds: $(VENV)/.made  ## D_s -> phi(mu mu) pi on the small ntuples of datasets/: cutflows, histograms, figures
	$(BIN)/columnar-af run ds_phi_pi datasets/ds_phi_pi.yaml --executor futures --workers 2 -o $(DEMO)
	$(BIN)/columnar-af plot $(DEMO) --histogram mass --histogram dimuon_mass
	@$(BIN)/python -c "$$TELL" $(DEMO)

.PHONY: demo-measurement
demo-measurement: $(VENV)/.made  ## The D_s yields of six eras, and from them the expected tau -> 3mu: ntuples, fits, datacards
	$(BIN)/columnar-af simulate t3m-measurement --workers 2 --overwrite -o $(MEASUREMENT)/ntuples
	$(BIN)/columnar-af run ds_phi_pi $(MEASUREMENT)/ntuples/control.yaml --executor futures --workers 2 -o $(MEASUREMENT)/control > /dev/null
	$(BIN)/columnar-af fit ds-mass $(MEASUREMENT)/control
	$(BIN)/columnar-af run tau_to_3mu $(MEASUREMENT)/ntuples/signal.yaml --executor futures --workers 2 -o $(MEASUREMENT)/signal > /dev/null
	$(BIN)/columnar-af run tau_to_3mu $(MEASUREMENT)/ntuples/search.yaml --executor futures --workers 2 -o $(MEASUREMENT)/search > /dev/null
	$(BIN)/columnar-af normalize $(MEASUREMENT)/control $(MEASUREMENT)/control --signal $(MEASUREMENT)/signal --search $(MEASUREMENT)/search
	@echo "Figures: $(MEASUREMENT)/control/fits, for example 2017C.png, stability.png and decay_length.png"
	@echo "Datacards and tables: $(MEASUREMENT)/control/normalization; the truth: $(MEASUREMENT)/ntuples/truth.json"

# Backgrounds, points of the mass grid, and data with one of these signals mixed in; variations of four kinds.
STOP_SAMPLES := Wt,ttbar,VV,Zjets,ttZ,other,fakes,data,stop4body_350_20,stop4body_350_40,stop4body_450_20,stop4body_450_40,stop4body_550_20,stop4body_550_40
STOP_REGIONS := preselection,SRA,SRB,CRtop,CRDib,VRtop,VRDib
STOP_VARIATIONS := JET_GroupedNP_1__1up,JET_GroupedNP_1__1down,EG_SCALE_ALL__1up,EG_SCALE_ALL__1down,MUON_SCALE__1up,MUON_SCALE__1down,MET_SoftTrk_ResoPara

.PHONY: demo-stop
demo-stop: $(VENV)/.made  ## The stop search with all its variations: yields, background fit, limits, contour, workspaces
	$(BIN)/columnar-af run stop_search datasets/stop_histfitter.yaml --executor futures --workers 2 -o $(STOP)/histfitter > /dev/null
	$(BIN)/columnar-af simulate stop-loopsusy --events 2000 --campaigns mc16e --samples $(STOP_SAMPLES) --variations $(STOP_VARIATIONS) --signal stop4body_450_40 --processes 2 --overwrite -o $(STOP)/ntuples
	$(BIN)/columnar-af run stop_search $(STOP)/ntuples/stop_loopsusy.yaml -p only=$(STOP_REGIONS) --executor futures --workers 2 -o $(STOP)/loopsusy > /dev/null
	$(BIN)/columnar-af yields $(STOP)/loopsusy
	$(BIN)/columnar-af limit $(STOP)/loopsusy
	$(BIN)/columnar-af export $(STOP)/loopsusy --format pyhf --signal stop4body_450_40
	$(BIN)/columnar-af limit --counts "SRA 10 12.8 3.2" --counts "SRB 19 19.3 2.7" --luminosity 139
	@echo "Figures: $(STOP)/loopsusy/limits/figures, for example regions.png and exclusion.png"

define TELL
import json, sys
from pathlib import Path
folder = Path(sys.argv[1])
print("\nSelected as D_s -> phi(mu mu) pi, of the simulated events in datasets/:")
for name, dataset in json.loads((folder / "summary.json").read_text())["datasets"].items():
    print(f"  {name:<22} {dataset['cutflow'][-1]['events']:>4} of {dataset['entries']:>4} events")
print(f"Result:  {folder}/summary.json and histograms.root; columnar-af show {folder} prints it")
print(f"Figures: {folder}/figures, for example {folder}/figures/mass_2017C.png")
endef
export TELL

.PHONY: ntuples
ntuples: $(VENV)/.made  ## Make the small simulated ntuples of datasets/ again, the same as they are
	$(BIN)/python -m columnar_af.ntuples.simulation.shipped datasets
	$(BIN)/python -m columnar_af.ntuples.simulation.stop_shipped datasets

.PHONY: check
check: $(VENV)/.made  ## Lint, formatting, types and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell

.PHONY: test
test: check  ## All checks and tests, with dask-awkward and the dask it works with (set A)
	$(BIN)/python $(PYTEST) $(PYTEST_ARGS)

.PHONY: test-new-dask
test-new-dask: $(NEW_DASK_VENV)/.made  ## The tests on the newest dask, without dask-awkward (set B)
	$(NEW_DASK_VENV)/bin/python $(PYTEST) -m "not dask_awkward" $(PYTEST_ARGS)

.PHONY: wheel-test
wheel-test: $(VENV)/.made  ## Build the wheel, install it in an empty environment and run an analysis from there
	.ci/wheel-test

.PHONY: lock
lock: $(VENV)/.made  ## Resolve pyproject.toml anew (UPGRADE=--upgrade: to the newest versions)
	$(call compiled,requirements/set-a.lock,--extra dask-awkward,Set A: dask-awkward and the dask it works with.)
	$(call compiled,requirements/new-dask.lock,,Set B: the newest dask; no dask-awkward.)

.PHONY: clean
clean:  ## Remove environments, caches and built packages; results/ stays
	rm -rf $(VENV) $(NEW_DASK_VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
