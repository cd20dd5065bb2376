"""The set-up files agree with each other: dependencies are named once, in pyproject.toml, and pinned once."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
NEEDS = [Requirement(line) for lines in (PROJECT["dependencies"], *EXTRAS.values()) for line in lines]
NEEDS = [need for need in NEEDS if need.name != PROJECT["name"]]  # an extra may name another one: rlcourse[cluster]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
PINS = dict(line.split("==") for line in CONSTRAINTS if "==" in line)
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_constraints_pin_what_every_extra_needs(need):
    pins = {canonicalize_name(name): version for name, version in PINS.items()}
    assert canonicalize_name(need.name) in pins, f"constraints.txt does not pin {need}"
    assert need.specifier.contains(pins[canonicalize_name(need.name)], prereleases=True)


def test_constraints_are_names_and_versions_only():
    """No address, no path, no local build such as 2.13.0+cpu: they must install on any machine."""
    assert [line for line in CONSTRAINTS if line and not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []
    assert "rlcourse" not in PINS
    assert len(PINS) == len({canonicalize_name(name) for name in PINS}), "a name is pinned twice"


def test_pygame_never_stands_beside_pygame_ce():
    """Both install the module pygame; gymnasium's extras bring pygame-ce."""
    assert "pygame" not in PINS
    assert "pygame" not in {need.name for need in NEEDS}


def test_every_dependency_is_declared_once():
    names = [(canonicalize_name(need.name), frozenset(need.extras)) for need in NEEDS]
    assert len(names) == len(set(names))


def test_conda_takes_python_and_pip_and_leaves_the_rest_to_pyproject():
    *packages, pip = CONDA["dependencies"]
    named = {re.split(r"[<>=]", package)[0]: package for package in packages}
    assert set(named) == {"python", "pip"}, "a dependency is named twice: pyproject.toml has them"
    assert SpecifierSet(named["python"].removeprefix("python")) == SpecifierSet(PROJECT["requires-python"])
    assert CONDA["channels"][0] == "conda-forge"

    constraints, project = pip["pip"]
    assert constraints == "-c constraints.txt"
    extras = re.fullmatch(r"-e \.\[(.+)\]", project)[1].split(",")
    assert set(extras) <= set(EXTRAS)


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    listed = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = listed.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["make", target] for target in targets]
    assert all(len(line.split()) > 3 for line in lines), "a target without its line of help"


def test_make_names_the_python_that_is_too_old(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "constraints.txt", tmp_path)
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.8.10" && exit 0\nexit 1\n')
    old.chmod(0o755)
    run = subprocess.run(["make", "lab", f"PYTHON={old}"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0
    assert "needs Python 3.11 or newer, got: Python 3.8.10" in run.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_failed_install_leaves_no_stamp_and_no_half_made_environment(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "pyproject.toml").write_text("this is no TOML")
    run = subprocess.run(["make", "lab", f"PYTHON={sys.executable}"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode != 0
    assert not list(tmp_path.glob(".venv/*.stamp"))


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 passed, 1 skipped"), ("1", "1 failed, 1 passed")])
def test_a_skipped_sandbox_test_fails_where_the_sandbox_is_required(tmp_path, required, outcome):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = sandbox\n")
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\ndef test_plain(): pass\n\n@pytest.mark.sandbox\ndef test_wall(): pytest.skip('no bwrap')\n"
    )
    # xdist and nbval stay out: this is pytest's own count.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    environment = os.environ | {"RLCOURSE_REQUIRE_SANDBOX": required}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.stdout.strip().splitlines()[-1].startswith(outcome)
