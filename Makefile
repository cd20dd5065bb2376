# `make help` lists what there is. Everything lives in .venv; nothing else on the machine is touched.

PYTHON ?= python3
BIN := .venv/bin
FIRST := notebooks/01_q_iteration.ipynb
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt

# Without a display there is no browser to open: serve, and print the address. Jupyter asks root to say that he knows.
ifeq ($(shell uname),Linux)
ifeq ($(DISPLAY)$(WAYLAND_DISPLAY),)
SERVE += --no-browser
endif
endif
ifeq ($(shell id -u),0)
SERVE += --allow-root
endif

# A stamp says that an install went through; without a working interpreter (Python was upgraded) it says nothing.
ifneq ($(wildcard .venv),)
ifneq ($(shell $(BIN)/python -c 'print(1)' 2>/dev/null),1)
$(shell rm -f .venv/pyvenv.cfg .venv/*.stamp)
endif
endif

# Progress bars print times, which no two runs share: none where printed output is compared.
test test-hostile test-all test-processors: export TQDM_DISABLE = 1

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help lab test test-hostile test-all test-processors quick test-oldest peers test-gymnasium notebooks lint exercises tour matrix benchmarks record table clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

lab: .venv/course.stamp ## open the lectures in JupyterLab, from the first one (options: LAB_FLAGS="--port 9000")
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/$(FIRST) $(SERVE) $(LAB_FLAGS)

test: lint ## check style, run the tests and every lecture; hostile, browser and slow tests are left out
	$(BIN)/python -m pytest -n 2 --nbval -m "not browser and not slow" --ignore=tests/hostile tests notebooks solutions

test-hostile: .venv/dev.stamp ## what hostile submissions come to: most of the time is waiting for limits
	$(BIN)/python -m pytest -n 2 -m "not slow" tests/hostile

test-all: lint ## the same with browser and slow tests, then the oldest versions and the newest Gymnasium
	$(BIN)/python -m pytest -n 2 --nbval tests notebooks solutions
	$(MAKE) test-oldest test-gymnasium

# Intel's library of matrix products can round as other processors do: COMPATIBLE without fused multiply-add, AVX2 with.
ELSEWHERE = tests/staff/test_bank.py tests/staff/test_build.py tests/staff/test_release.py \
    notebooks/07_reinforce.ipynb notebooks/08_actor_critic.ipynb
test-processors: .venv/dev.stamp ## what is stored and compared, as two kinds of processor round
	@set -e; for kind in COMPATIBLE AVX2; do \
	    echo "MKL_CBWR=$$kind"; MKL_CBWR=$$kind $(BIN)/python -m pytest -q -n 2 --nbval $(ELSEWHERE); \
	done

quick: lint ## under a minute: style, equations, parts, agents on small worlds
	$(BIN)/python -m pytest -q -n 2 -k "not rainbow and not setting_out_of_range" tests/contracts tests/functional tests/parts \
	    tests/agents/test_every_agent.py

# The lower bounds of pyproject.toml as pins, in an environment of its own; .venv stays as it was.
test-oldest: .venv/dev.stamp ## the library with the oldest declared version of everything (PyTorch: gigabytes, once)
	@mkdir -p build
	$(BIN)/python -c 'from importlib.metadata import requires; from packaging.requirements import Requirement as R; \
	    print(*(f"{r.name}=={min(s.version for s in r.specifier)}" for r in map(R, requires("rlcourse")) if not r.marker), sep="\n")' \
	    > build/oldest.txt
	test -d build/oldest || $(PYTHON) -m venv build/oldest
	build/oldest/bin/python -m pip install --disable-pip-version-check -q -c build/oldest.txt \
	    -e . pytest pytest-xdist hypothesis psutil
	build/oldest/bin/python -m pytest -q -n 2 -m "not browser and not slow" $(OLDEST)
OLDEST = tests/contracts tests/functional tests/worlds tests/parts tests/training tests/agents

# They go into an environment of their own: their pins are not ours.
peers: .venv/dev.stamp ## what the benchmarks compare with and the course does not need: Otter
	test -d build/peers || $(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --disable-pip-version-check -q "$$(grep ^torch== constraints.txt)"
	build/peers/bin/python -m pip install --disable-pip-version-check -q -e . otter-grader ipykernel

# It goes to a folder of its own that stands before .venv on the path.
test-gymnasium: .venv/dev.stamp ## the worlds with the newest Gymnasium
	@set -e; folder=build/gymnasium; rm -rf $$folder; \
	$(BIN)/python -m pip install --disable-pip-version-check -q --no-deps --target $$folder --upgrade gymnasium; \
	PYTHONPATH=$$folder $(BIN)/python -c 'import gymnasium; print("Gymnasium", gymnasium.__version__, gymnasium.__file__)'; \
	PYTHONPATH=$$folder $(BIN)/python -m pytest -q tests/worlds

notebooks: .venv/course.stamp ## execute the lectures and solutions again, write what changed
	$(BIN)/python -m rlcourse.staff.notebooks notebooks/*.ipynb solutions/*/*.ipynb

lint: .venv/dev.stamp ## check style, of code and notebooks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

exercises: .venv/course.stamp ## build the students' exercises from solutions/
	$(BIN)/rlcourse build

tour: .venv/course.stamp ## the whole path once: train, release, grade a small class
	$(BIN)/rlcourse tour

matrix: .venv/dev.stamp ## what the checks make of each known mistake, right style and wrong answer, a row a function
	$(BIN)/python tests/staff/matrix.py

benchmarks: .venv/dev.stamp ## time the library beside its peers; prints tables
	@set -e; for file in tabular sumtree; do $(BIN)/python benchmarks/$$file.py; done

record: .venv/dev.stamp ## list the recordings in results/ with their minutes, run what is missing (or ONLY=a2c_cartpole)
	$(BIN)/python recordings/runs.py $(ONLY)

table: .venv/dev.stamp ## write results/README.md, and the README's table, from the records
	$(BIN)/python recordings/table.py

clean: ## remove .venv and everything built
	rm -rf .venv build *.egg-info .pytest_cache .ruff_cache .hypothesis

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "rlcourse needs Python 3.11 or newer, got: $$($(PYTHON) --version 2>&1)"; \
	    echo "Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.11"; exit 1; } >&2
	$(PYTHON) -m venv --clear .venv

.venv/course.stamp: pyproject.toml constraints.txt .venv/pyvenv.cfg
	$(PIP) -e '.[course]'
	@touch $@

.venv/dev.stamp: pyproject.toml constraints.txt .venv/pyvenv.cfg
	$(PIP) -e '.[course,dev]'
	@touch .venv/course.stamp $@
