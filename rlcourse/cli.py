"""The command line: `rlcourse exercises`, `rlcourse --help`.

One function a command. Each imports what it needs inside, so that the next command starts fast.
"""

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rlcourse.contracts.graded import PROBLEM_SETS

if TYPE_CHECKING:
    from rlcourse.records.record import Record


def exercises(options: argparse.Namespace) -> int:
    """List the graded functions: what each is worth and where the course teaches it."""
    from rlcourse.homework.catalogue import catalogue

    rows = [("function", "lecture", "problem set", "points", "what it is")]
    for exercise in catalogue().values():
        if options.problem_set in (None, exercise.problem_set):
            summary = (exercise.function.__doc__ or "").strip().split("\n")[0]
            points = str(exercise.points or "")  # none: part of the problem set, but not asked for
            rows.append((exercise.name, exercise.lecture, exercise.problem_set, points, summary))
    if len(rows) == 1:
        print(f"{options.problem_set} has no functions yet")
        return 0
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def run(options: argparse.Namespace) -> int:
    """Train an agent with many seeds; writes each seed's curve as CSV and all of them as a picture."""
    import shlex

    from rlcourse.records import run as runs

    try:
        record = runs.run(
            options.agent,
            options.env,
            options.seeds,
            options.steps,
            options.out,
            options.set,
            name=options.name,
            first_seed=options.first_seed,
            evaluations=options.evaluations,
            episodes=options.episodes,
            group=options.group,
            jobs=options.jobs,
            scheduler=options.scheduler,
            mix=options.mix,
            command="rlcourse " + shlex.join(sys.argv[1:]),
        )
    except (ValueError, OSError, runs.RunError) as error:
        print(f"rlcourse run: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"rlcourse run: stopped; {stop}", file=sys.stderr)
        return 130
    _tell(record, f"{options.agent} on {options.env}")
    return 0


def _tell(record: "Record", what: str) -> None:
    """What a record says, in words and as a picture beside its CSVs."""
    import matplotlib.pyplot as plt

    from rlcourse.pictures.curves import plot_curves
    from rlcourse.pictures.style import to_png
    from rlcourse.records.stats import bootstrap_interval, interquartile_mean

    steps, returns = record.steps, record["return"]
    low, high = bootstrap_interval(returns[:, -1])
    middle = interquartile_mean(returns[:, -1])
    print(f"{what}, {len(returns)} seeds, {steps[-1]:.0f} steps each, greedy policy at the end:")
    print(f"interquartile mean {middle:.1f}, 95 % interval {low:.1f} to {high:.1f}")
    for seed, step in record.diverged.items():
        print(
            f"seed {seed} diverged at step {step}: its gradient was NaN or infinite, and its weights stood still then"
        )
    axes = plot_curves(steps, {what: returns}, ylabel="return", title=what)
    picture = record.folder / "curve.png"
    picture.write_bytes(to_png(axes.figure))
    plt.close("all")
    print(f"{record.folder}: config.json, a CSV a seed and what made it; picture: {picture}")


def add_run(commands: argparse._SubParsersAction) -> None:
    """The command `run`."""
    training = commands.add_parser("run", help=run.__doc__, description=run.__doc__)
    training.add_argument("agent", help="the algorithm: a2c, dqn, rainbow .., a module of rlcourse.agents")
    training.add_argument(
        "--env", required=True, metavar="ID", help="a Gymnasium id, such as CartPole-v1; your own: module:Name-v0"
    )
    training.add_argument("--seeds", type=int, default=5, metavar="N", help="how many seeds (default 5)")
    training.add_argument("--first-seed", type=int, default=0, metavar="F", help="the first of them (default 0)")
    training.add_argument("--steps", type=int, default=50_000, help="environment steps of each seed (default 50000)")
    training.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="change the agent's Config")
    training.add_argument("--out", type=Path, default=Path("results"), metavar="DIR", help="default results/")
    training.add_argument("--name", help="the record's folder in DIR (default: AGENT_ENV)")
    training.add_argument("--evaluations", type=int, default=20, help="how often to evaluate (default 20)")
    training.add_argument("--episodes", type=int, default=20, help="episodes an evaluation (default 20)")
    training.add_argument("--group", type=int, default=10, help="seeds side by side in one process (default 10)")
    training.add_argument("--jobs", type=int, default=1, help="groups at a time (default 1)")
    training.add_argument("--scheduler", metavar="ADDRESS", help="groups go to the workers of this Dask scheduler")
    training.add_argument("--mix", action="store_true", help="add to seeds that another version of rlcourse made")
    training.set_defaults(command=run)


def parser() -> argparse.ArgumentParser:
    """All commands; argparse answers an unknown one with what came, what was expected, and exit status 2."""
    top = argparse.ArgumentParser(prog="rlcourse", description="The course in reinforcement learning, by command.")
    commands = top.add_subparsers(metavar="COMMAND", required=True, title="commands")

    listing = commands.add_parser("exercises", help=exercises.__doc__, description=exercises.__doc__)
    listing.add_argument("problem_set", nargs="?", choices=PROBLEM_SETS, help="only this one, ps1 to ps7")
    listing.set_defaults(command=exercises)
    add_run(commands)
    if importlib.util.find_spec("rlcourse.staff"):  # not in the student edition
        from rlcourse.staff.commands import add_parsers

        add_parsers(commands)
    return top


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return options.command(options)


if __name__ == "__main__":
    sys.exit(main())
