"""A class graded by us, by nbgrader and by Otter: the same notebooks, CPU seconds of all processes, in one run.

    make peers                                            # Otter, in build/peers
    .venv/bin/python benchmarks/grading.py ps1            # 60 notebooks: a quarter of an hour
    .venv/bin/python benchmarks/grading.py ps2 --notebooks 6
    .venv/bin/python benchmarks/grading.py ps1 --only ours --notebooks 1000    # a whole class, once

Half of the notebooks are solved, in each of the others one function is still a stub. CPU seconds are those of all
processes in the control group that this one was started in: where that is the whole machine, nothing else may run
meanwhile (`systemd-run --scope` gives it one of its own). Ours is graded twice, with one and with two submissions at a
time. MB are what a grader's processes took together, the median in the first and in the last tenth of its time.
"""

import argparse
import contextlib
import copy
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import cells

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "build" / "peers" / "bin"
OTTER_TEST = """OK_FORMAT = False
from otter.test_files import test_case
name, points = {name!r}, {points}
@test_case(points={points}, hidden=False)
def asks(env):
    exec({source!r}, dict(env))
"""


def cpu_seconds() -> float:
    """What all processes of this control group have used so far, those that have ended too."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if "cpuacct" in controllers.split(","):  # the groups of version 1, one tree a controller
            return int(Path(f"/sys/fs/cgroup/cpuacct{group}/cpuacct.usage").read_text()) / 1e9
        if not controllers and (used := Path(f"/sys/fs/cgroup{group}/cpu.stat")).exists():  # of version 2
            return int(used.read_text().split()[1]) / 1e6
    return sum(map(int, Path("/proc/stat").read_text().split()[1:4])) / os.sysconf("SC_CLK_TCK")  # the machine's


@contextlib.contextmanager
def memory() -> Iterator[list[float]]:
    """What all processes below this one take, in MB, once a second."""
    seen, over = [], threading.Event()

    def look() -> None:
        while not over.wait(1):
            sizes = []
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    sizes.append(process.memory_info().rss)
            seen.append(sum(sizes) / 2**20)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def hand_in(name: str, folder: Path, notebooks: int) -> None:
    """A class's notebooks as nbgrader wants them: folder/submitted/STUDENT/NAME/NAME.ipynb."""
    exercise = json.loads((ROOT / "exercises" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    master = json.loads((ROOT / "solutions" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    solutions = {cell["id"]: cell["source"] for cell in master["cells"]}
    written = [cell["id"] for cell in exercise["cells"] if cells.read_cell(cell).kind == "solution"]
    for number in range(notebooks):
        left = written[number // 2 % len(written)] if number % 2 else ""
        notebook = copy.deepcopy(exercise)
        for cell in notebook["cells"]:
            if cell["id"] in written and cell["id"] != left:
                cell["source"] = solutions[cell["id"]]
        path = folder / "submitted" / f"s{number:04}" / name / f"{name}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(notebook), encoding="utf-8")


def ours(name: str, folder: Path, jobs: int) -> dict[str, float]:
    """`rlcourse grade`: the scores by student."""
    out = folder / f"ours-{jobs}"
    command = [sys.executable, "-m", "rlcourse.cli", "grade", name.split("_")[0], folder / "submitted", "--out", out]
    done = subprocess.run([*command, "--seed", "7", "--jobs", str(jobs)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    with open(out / "grades.csv", encoding="utf-8-sig", newline="") as file:
        return {row["id"]: float(row["score"]) for row in csv.DictReader(file)}


def nbgrader(name: str, folder: Path) -> dict[str, float]:
    """`nbgrader autograde`; making the assignment is not part of the time."""
    from nbgrader.api import Gradebook

    nbgrader_command(folder, "autograde", name)
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as book:
        return {one.student.id: one.score for one in book.assignment_submissions(name)}


def nbgrader_command(folder: Path, *words: str) -> None:
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}  # it starts alembic
    command = [programs / "nbgrader", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]


def make_nbgrader_course(name: str, folder: Path) -> None:
    """A course folder with the master notebook as nbgrader's source, generated once."""
    source = folder / "solutions" / name / f"{name}.ipynb"
    source.parent.mkdir(parents=True)
    source.write_bytes((ROOT / "solutions" / name / f"{name}.ipynb").read_bytes())
    text = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (folder / "nbgrader_config.py").write_text(text + "c.ExecutePreprocessor.timeout = 1200\n", encoding="utf-8")
    nbgrader_command(folder, "generate_assignment", name)


def make_otter_grader(name: str, folder: Path) -> Path:
    """The problem set's tests as Otter wants them: a file each, in a zip archive."""
    tests = folder / "otter" / "tests"
    tests.mkdir(parents=True)
    for number, cell in enumerate(cells.read((ROOT / "solutions" / name / f"{name}.ipynb").read_bytes())):
        if cell.kind == "test":
            text = OTTER_TEST.format(name=cell.name, points=cell.points, source=cell.source)
            (tests / f"t{number:02}.py").write_text(text, encoding="utf-8")
    archive = folder / "otter" / "autograder.zip"
    words = ["generate", "-t", tests, "-o", archive, "--no-requirements", "--no-environment", "--no-config"]
    subprocess.run([PEERS / "otter", *words], cwd=folder / "otter", check=True, capture_output=True)
    return archive


def otter(name: str, folder: Path, archive: Path) -> dict[str, float]:
    """`otter run`, once a notebook, as Otter has it outside of containers."""
    scores = {}
    for path in sorted((folder / "submitted").glob(f"*/{name}/{name}.ipynb")):
        out = folder / "otter" / path.parts[-3]
        out.mkdir()
        words = ["run", "-a", archive, "-o", out, "--no-logo", path]
        subprocess.run([PEERS / "otter", *words], cwd=out, check=True, capture_output=True)
        tests = json.loads((out / "results.json").read_text())["tests"]
        scores[path.parts[-3]] = sum(test.get("score") or 0 for test in tests)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("problem_set", choices=PROBLEM_SETS)
    parser.add_argument("--notebooks", type=int, default=60)
    parser.add_argument("--only", choices=["ours"], help="leave the peers out")
    options = parser.parse_args()
    name, n = PROBLEM_SETS[options.problem_set], options.notebooks
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chmod(folder, 0o755)
        hand_in(name, folder, n)
        contenders = {f"rlcourse grade --jobs {jobs}": lambda jobs=jobs: ours(name, folder, jobs) for jobs in (1, 2)}
        if not options.only:
            make_nbgrader_course(name, folder)
            archive = make_otter_grader(name, folder)
            contenders["nbgrader autograde"] = lambda: nbgrader(name, folder)
            contenders["otter run"] = lambda: otter(name, folder, archive)
        print(f"{name}, {n} notebooks; seconds a notebook")
        print(f"{'':24}{'CPU':>8}{'wall':>8}{'CPU / ours':>13}{'MB':>16}   scores")
        first = None
        for title, grade in contenders.items():
            cpu, wall = cpu_seconds(), time.monotonic()
            with memory() as megabytes:
                scores = grade()
            cpu, wall = cpu_seconds() - cpu, time.monotonic() - wall
            first = first or cpu
            counts = ", ".join(f"{list(scores.values()).count(s)} x {s:g}" for s in sorted(set(scores.values())))
            tenth = max(1, len(megabytes) // 10)
            took = [f"{statistics.median(part):6.0f}" for part in (megabytes[:tenth], megabytes[-tenth:]) if part]
            print(
                f"{title:24}{cpu / n:8.2f}{wall / n:8.2f}{cpu / first:12.1f}x{' to'.join(took):>16}   {counts}",
                flush=True,
            )


if __name__ == "__main__":
    main()
