"""What must run where there is only NumPy (a browser's kernel) imports nothing else."""

import subprocess
import sys

import pytest

HEAVY = ["torch", "scipy", "gymnasium", "matplotlib", "ipywidgets", "tqdm"]


def loaded_by(module: str) -> set[str]:
    """The top-level packages that importing a module loads, in a fresh interpreter."""
    code = f"import sys; before = set(sys.modules); import {module}; print(*(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in run.stdout.split()}


@pytest.mark.parametrize("module", ["rlcourse", "rlcourse.functional.tabular", "rlcourse.cli"])
def test_imports_nothing_heavy(module):
    assert loaded_by(module) & set(HEAVY) == set()


def test_the_tabular_equations_need_numpy_alone():
    """Nothing beyond Python's own library and NumPy: the list above could have forgotten one."""
    assert loaded_by("rlcourse.functional.tabular") - set(sys.stdlib_module_names) == {"numpy", "rlcourse"}
