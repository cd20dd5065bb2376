"""The bundle of ps1, installed in an environment of its own away from this course, without a network."""

import os
import shutil
import subprocess
import sys
import sysconfig

import nbformat
import pytest
from course import MASTER, NAME, ROOT, make_course

from rlcourse.staff import build, release

NOTEBOOK = f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the bundle, in it a solved notebook too; the Python of its environment, and where that installs."""
    folder = tmp_path_factory.mktemp("student")
    root = make_course(folder / "course")
    shutil.copyfile(ROOT / MASTER, root / MASTER)
    build.build(root)
    release.release("ps1", folder / "ps1", root=root)
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", "--without-pip", environment], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    # Where the tests themselves run in an environment, its packages are not the system's: a path file adds them.
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    with open(os.path.join(own, "outer.pth"), "w") as file:
        file.write(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "-q"]
    shutil.copytree(folder / "ps1", folder / "copy")  # a build leaves its traces in the folder
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-build-isolation", folder / "copy"], check=True)

    master = {cell.id: cell for cell in nbformat.read(ROOT / MASTER, as_version=4).cells}
    solved = nbformat.read(folder / "ps1" / NOTEBOOK, as_version=4)
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = master[cell.id].source
    nbformat.write(solved, folder / "ps1" / "solved.ipynb")
    return folder, python, own


def run(installed, *words: object) -> subprocess.CompletedProcess:
    """A command of the installed Python, which sees nothing of this course."""
    folder, python, _ = installed
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER"))}
    environment |= {"JUPYTER_DATA_DIR": str(folder / "jupyter"), "OMP_NUM_THREADS": "1"}
    return subprocess.run([python, *words], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_bundle_is_installed_and_imported_from_there(installed):
    code = "import rlcourse.agents.tabular.control; from rlcourse.homework import checks as c"
    code += "; print(c.__file__); print(len(c.check_data()))"
    done = run(installed, "-c", code)
    assert done.returncode == 0, done.stderr
    where, count = done.stdout.splitlines()
    assert where.startswith(installed[2])
    assert int(count) == 6


def test_the_solved_notebook_runs_to_its_end(installed):
    done = run(installed, "ps1/rehearse.py", "ps1/solved.ipynb")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": correct") == 12  # six functions, two parts each
    assert "incorrect" not in done.stdout and "not attempted" not in done.stdout
    assert "wrote to stderr" not in done.stdout, "stock nbgrader would give that cell 0 points"


def test_the_blank_notebook_is_not_attempted(installed):
    done = run(installed, "ps1/rehearse.py", f"ps1/{NOTEBOOK}")
    assert done.stdout.count(": not attempted") >= 12
    assert "correct" not in done.stdout
    assert done.stdout.count("still to be written") == 2  # the two trainings say so, without a traceback
