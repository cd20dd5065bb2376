"""The Rainbow ablation: all tricks, and each of the six taken away; five seeds each.

    .venv/bin/python benchmarks/rainbow.py minatar      # MinAtar Breakout, 100,000 frames: about an hour of one core
    .venv/bin/python benchmarks/rainbow.py cartpole     # CartPole-v1, 20,000 steps

Each variant is one `rlcourse run`, whose command is printed and stands in its config.json under results/. Variants
that are there are skipped, so it can be stopped and started again. Lecture 05 draws what is there.
"""

import shlex
import subprocess
import sys

VARIANTS = {
    "all": [],
    "without double": ["double=False"],
    "without dueling": ["dueling=False"],
    "without priorities": ["prioritized=False"],
    "without n-step returns": ["n_steps=1"],
    "without distributions": ["distributional=False"],
    "without noise": ["noisy=False"],
}
WORLDS = {
    "minatar": (
        "--env MinAtar/Breakout-v1 --steps 100000 --group 5",
        ["batch_size=32", "learning_rate=5e-4", "every=4", "target_every=1000", "capacity=100000", "support=(0,20)"],
    ),
    "cartpole": (
        "--env CartPole-v1 --steps 20000 --group 5",
        ["hidden=(64,64)", "every=2", "tau=0.01", "capacity=20000"],
    ),
}


def main(world: str) -> None:
    options, settings = WORLDS[world]
    for variant, changes in VARIANTS.items():
        changed = " ".join(f'--set "{setting}"' for setting in settings + changes)
        command = f"rlcourse run rainbow {options} --seeds 5 --evaluations 10 {changed}"
        print(f"{variant}: {command}", flush=True)
        subprocess.run([sys.executable, "-m", "rlcourse.cli", *shlex.split(command)[1:]], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WORLDS:
        sys.exit(f"which world? one of {', '.join(WORLDS)}")
    main(sys.argv[1])
