"""The whole path once, without a browser: `rlcourse tour`.

A student's functions train, a bundle is made, a small class hands in (good, wrong and hostile work), and it is graded.
"""

import argparse
import json
import shutil
from pathlib import Path

import nbformat

from rlcourse.staff import grade, sandbox
from rlcourse.staff.release import ROOT, release

NAME = "ps1_q_iteration"
SLIDE_EPSILON = """
def epsilon_greedy(q, epsilon):
    p = np.full(len(q), epsilon / (len(q) - 1))
    p[np.argmax(q)] = 1 - epsilon
    return p
"""
NO_TERMINAL_MASK = """
def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] = Q[s, a] + alpha * (r + gamma * max(Q[s_next]) - Q[s, a])
    return new
"""
IN_LOOPS = """
def q_backup(transitions, rewards, table, discount):
    result = []
    for s in range(len(rewards)):
        row = []
        for a in range(len(rewards[s])):
            after = sum(p * max(table[t]) for t, p in enumerate(transitions[s][a]))
            row.append(rewards[s][a] + discount * after)
        result.append(row)
    return result
"""
# Who hands in what: the cells in which they differ from the solution. None: the notebook as it was released.
CLASS: dict[str, dict[str, str] | None] = {
    "ada-right": {},
    "blaise-right-in-loops-and-lists": {"q-backup": IN_LOOPS},
    "carl-blank": None,
    "dora-epsilon-of-the-slide": {"epsilon-greedy": SLIDE_EPSILON},
    "emil-no-terminal-mask": {"q-learning-update": NO_TERMINAL_MASK},
    "fanny-renamed-a-function": {"boltzmann": "def softmax(q, temperature):\n    return np.exp(q) / np.exp(q).sum()"},
}
HOSTILE: dict[str, dict[str, str]] = {
    "mallory-never-ends": {"boltzmann": "def boltzmann(q, temperature):\n    while True:\n        pass"},
    "oscar-kills-the-process": {"boltzmann": "import os\ndef boltzmann(q, temperature):\n    os._exit(0)"},
    "trudy-takes-six-gigabytes": {"boltzmann": "def boltzmann(q, temperature):\n    return np.ones(6 * 2**27)"},
    "victor-overwrites-the-grader": {
        "boltzmann": "from rlcourse.homework import checks\nchecks.compare = lambda *_: ''\n"
        "np.allclose = lambda *_: True\n"
        "def boltzmann(q, temperature):\n    return q"
    },
}


def tour(out: Path, solutions: Path = ROOT / "solutions") -> int:
    """Walk the whole path, all that it writes in `out`; the exit status."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    master = nbformat.read(solutions / NAME / f"{NAME}.ipynb", as_version=4)

    print("1. A solved problem set trains the agents.")
    pictures = train(functions_of(master), out)

    print("2. A bundle for students is made.")
    print(*(f"   {line}" for line in release("ps1", out / "bundle")), sep="\n")

    print("3. A small class hands in.")
    hand_in(master, out / "bundle" / f"{NAME}.ipynb", out / "submissions")

    print("4. It is graded.")
    options = argparse.ArgumentParser()
    grade.add_parser(options.add_subparsers())
    words = ["grade", "ps1", str(out / "submissions"), "--out", str(out / "grades")]
    unsafe = ["--unsafe-no-sandbox"] if sandbox.missing() else []
    status = grade.command(options.parse_args(words + unsafe))

    print(f"\n{(out / 'grades' / 'grades.csv').read_text()}")
    print("Look at:")
    for path in [*pictures, out / "bundle" / "README.md", out / "grades" / "index.html"]:
        print(f"   {path}")
    for path in sorted((out / "grades" / "feedback").glob("*.html")):
        print(f"   {path}")
    return status


def functions_of(master: nbformat.NotebookNode) -> dict:
    """What the master's set-up and solution cells define."""
    namespace: dict = {}
    for cell in master.cells:
        nbgrader = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and (nbgrader.get("solution") or nbgrader.get("grade_id") == "setup"):
            exec(cell.source, namespace)
    return namespace


def train(functions: dict, out: Path) -> list[Path]:
    """Solve the lake and learn the grid with a student's functions; the pictures of it."""
    import matplotlib

    matplotlib.use("Agg")
    import numpy as np

    from rlcourse.functional.tabular import policy_evaluation
    from rlcourse.homework.scenarios import ps1, run
    from rlcourse.pictures.episodes import episode_gif
    from rlcourse.pictures.grids import plot_values
    from rlcourse.pictures.style import to_png

    lake, gamma = ps1.frozen_lake(), ps1.FROZEN_LAKE_GAMMA
    policy = run("solve_frozen_lake", functions["q_backup"], functions["greedy_policy"])
    V = policy_evaluation(lake.P, lake.R, policy, gamma)
    print(f"   FrozenLake 8x8, planned: worth {lake.rho0 @ V:.3f} from the start, exactly")
    axes = plot_values(lake, V, policy, title="FrozenLake 8x8 by a student's Q-iteration")
    picture, film = out / "frozen_lake.png", out / "slippery_maze.gif"
    picture.write_bytes(to_png(axes.figure))

    grid, gamma = ps1.slippery_maze(), ps1.SLIPPERY_MAZE_GAMMA
    policies = run("learn_slippery_maze", functions["q_learning_update"], functions["epsilon_greedy"])
    values = [grid.rho0 @ policy_evaluation(grid.P, grid.R, pi, gamma) for pi in policies]
    print(f"   slippery maze, learned: worth {min(values):.3f} to {max(values):.3f} over {len(values)} seeds")
    best = policies[int(np.argmax(values))]
    episode_gif(grid.env(render_mode="rgb_array"), lambda s: int(best[s].argmax()), film)
    return [picture, film]


def hand_in(master: nbformat.NotebookNode, released: Path, folder: Path) -> None:
    """Write the class's submissions, a folder a student, and two files that are no notebooks."""
    class_ = CLASS if sandbox.missing() else CLASS | HOSTILE
    if sandbox.missing():
        print(f"   The hostile students stay at home: {sandbox.missing()}.")
    solutions = {cell.id: cell.source for cell in master.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    for student, changes in class_.items():
        notebook = nbformat.read(released, as_version=4)
        for cell in notebook.cells:
            if changes is not None and cell.id in solutions:
                cell.source = changes.get(cell.id, solutions[cell.id])
        (folder / student).mkdir(parents=True)
        (folder / student / f"{NAME}.ipynb").write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    whole = json.dumps(master)
    for student, text in {"gina-cut-off": whole[: len(whole) // 2], "hugo-a-photo": "\x89PNG"}.items():
        (folder / student).mkdir(parents=True)
        (folder / student / f"{NAME}.ipynb").write_text(text, encoding="latin-1", errors="replace")
    print(f"   {len(list(folder.iterdir()))} submissions in {folder}")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """The command `tour`."""
    summary = "The whole path once: train, release, grade a small class; shows where pages and pictures lie."
    parser = commands.add_parser("tour", help=summary, description=summary)
    parser.add_argument("--out", type=Path, default=Path("build/tour"), metavar="DIR", help="default build/tour")
    parser.set_defaults(command=lambda options: tour(options.out))
