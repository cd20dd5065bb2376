"""How fast the tabular methods are, side by side with what a user would otherwise take.

    python benchmarks/tabular.py               planning, Q-learning, import time
    python benchmarks/tabular.py --lectures    and every lecture

Seconds are CPU seconds of this process, the median of a few repeats in which the contenders take turns. Linear algebra
runs on one thread on both sides, so that CPU seconds compare work, not waiting threads. The peer in planning is
pymdptoolbox, whose code runs unchanged on current NumPy and SciPy. It needs the older csr_matrix (not csr_array).
"""

# ruff: noqa: E402 (the number of threads is set before NumPy is imported)

import argparse
import os
import platform
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median

USERS_ENVIRON = dict(os.environ)  # what lectures run in
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
os.environ["TQDM_DISABLE"] = "1"  # no progress bars between the numbers

import gymnasium
import numpy as np
import scipy
from numpy import ndarray
from scipy.sparse import csr_matrix

from rlcourse.agents.tabular.control import q_learning
from rlcourse.agents.tabular.planning import modified_policy_iteration, policy_iteration, value_iteration
from rlcourse.contracts.inputs import is_sparse
from rlcourse.functional.tabular import greedy_policy, policy_evaluation
from rlcourse.worlds.grids import grid_world, random_mdp
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.toy_text import from_gymnasium

try:
    import mdptoolbox.mdp
except ImportError:
    print("benchmarks/tabular.py: needs the peer it compares with: pip install pymdptoolbox", file=sys.stderr)
    sys.exit(2)

HOUSE = Path(__file__).resolve().parents[1]
GAMMA = 0.99
EPS = 1e-4  # the loss that a planned policy may have: max over states of V* - V^pi


def cpu(function: Callable, *args, **kwargs) -> tuple[float, object]:
    """CPU seconds of one call, and what it returned."""
    start = time.process_time()
    result = function(*args, **kwargs)
    return time.process_time() - start, result


def verdict(value: float, target: float) -> str:
    return f"{value:7.1f} times  (target {target:g}: {'met' if value >= target else 'MISSED'})"


def ours(solver: Callable, P, R: ndarray, rho0: ndarray) -> tuple[float, float, int, ndarray]:
    """Seconds to construct and to solve, sweeps, and the policy [S, A]: from raw arrays, so input checks count."""
    construct, mdp = cpu(MDP, P, R, rho0)
    solve, plan = cpu(solver, mdp, GAMMA, EPS)
    return construct, solve, plan.sweeps, plan.pi


def peers(P, R: ndarray) -> tuple[float, float, int, ndarray]:
    """The same of the peer; P is what it likes best, an array [A, S, S] or a list of A CSR matrices [S, S]."""
    construct, solver = cpu(mdptoolbox.mdp.ValueIteration, P, R, GAMMA, EPS)
    solve, _ = cpu(solver.run)
    return construct, solve, solver.iter, np.eye(R.shape[1])[list(solver.policy)]


def planning(title: str, mdp: MDP, target: float, repeats: int) -> None:
    S, A = mdp.R.shape
    if is_sparse(mdp.P):
        peers_P = [csr_matrix(mdp.P[a::A]) for a in range(A)]
    else:
        peers_P = np.ascontiguousarray(mdp.P.transpose(1, 0, 2))
    print(f"\n{title}: S = {S}, A = {A}, gamma = {GAMMA}, guaranteed policy loss {EPS:g}, both stop by the span")
    optimal = policy_iteration(mdp, GAMMA, 1e-8)  # exact up to a bound of 1e-8
    solvers = {"value iteration": value_iteration, "modified policy it.": modified_policy_iteration}
    runs = {name: [] for name in [*solvers, "pymdptoolbox"]}
    for _ in range(repeats):
        for name, solver in solvers.items():
            runs[name].append(ours(solver, mdp.P, mdp.R, mdp.rho0))
        runs["pymdptoolbox"].append(peers(peers_P, mdp.R))
    print(f"  {'':20}{'construct':>12}{'solve':>12}{'together':>12}{'sweeps':>9}{'exact loss':>13}")
    seconds = {}
    for name, of_name in runs.items():
        construct, solve = (median(run[part] for run in of_name) for part in (0, 1))
        seconds[name] = np.array([construct, solve, median(run[0] + run[1] for run in of_name)])
        loss = (optimal.V - policy_evaluation(mdp.P, mdp.R, of_name[0][3], GAMMA)).max()
        columns = "".join(f"{value:10.3f} s" for value in seconds[name])
        print(f"  {name:20}{columns}{of_name[0][2]:9d}{loss:13.1e}")
        if loss > EPS + optimal.loss_bound:
            sys.exit(f"{name} broke its guarantee: loss {loss:g}, more than {EPS:g}")
    peer = seconds["pymdptoolbox"][2]
    for name in solvers:
        _, solve, together = seconds[name]
        print(f"  {name:20} checked and solved: {verdict(peer / together, target)}")
        print(f"  {'':20} solved, the MDP being there: {verdict(peer / solve, target)}")
    by_sup, plan = cpu(value_iteration, mdp, GAMMA, EPS, "sup")
    print(f"  value iteration by sup norm: {plan.sweeps} sweeps, {by_sup:.3f} s to solve (once)")


def student_loop(steps: int, seed: int, alpha: float, epsilon: float) -> ndarray:
    """Q-learning on FrozenLake as most write it first."""
    env = gymnasium.make("FrozenLake-v1")
    rng = np.random.default_rng(seed)
    Q = np.zeros((env.observation_space.n, env.action_space.n))
    s, _ = env.reset(seed=seed)
    for _ in range(steps):
        if rng.random() < epsilon:
            a = int(rng.integers(env.action_space.n))
        else:
            a = int(np.argmax(Q[s]))
        s_next, r, terminated, truncated, _ = env.step(a)
        target = r if terminated else r + GAMMA * np.max(Q[s_next])
        Q[s, a] += alpha * (target - Q[s, a])
        s = s_next
        if terminated or truncated:
            s, _ = env.reset()
    return Q


def learning(repeats: int, steps: int = 10_000, alpha: float = 0.1, epsilon: float = 0.3) -> None:
    mdp = from_gymnasium(gymnasium.make("FrozenLake-v1"))
    many = (1, 8, 64, 256)
    rates = {K: [] for K in (0, *many)}  # 0: the loop over env.step
    worth = {}
    for repeat in range(repeats):
        seconds, Q = cpu(student_loop, steps, repeat, alpha, epsilon)
        rates[0].append(steps / seconds)
        worth.setdefault(0, []).append(Q)
        for K in many:
            settings = {"alpha": alpha, "epsilon": epsilon, "max_episode_steps": 100, "checkpoints": 0}
            seconds, learned = cpu(q_learning, mdp, GAMMA, steps, n_seeds=K, seed=1000 * repeat, **settings)
            rates[K].append(K * steps / seconds)
            worth.setdefault(K, []).extend(learned.Q)
    print(f"\nQ-learning on FrozenLake (slippery, 100 steps an episode), {steps:,} steps a seed, eps {epsilon:g}")
    print(f"  {'':24}{'steps / CPU s':>14}{'ratio':>9}   value of the greedy policies, exact, mean over seeds")
    base = median(rates[0])
    for K, of_K in rates.items():
        name = f"rlcourse, {K} seed{'s'[: K > 1]}" if K else "a loop over env.step"
        value = np.mean([mdp.rho0 @ policy_evaluation(mdp.P, mdp.R, greedy_policy(Q), GAMMA) for Q in worth[K]])
        print(f"  {name:24}{median(of_K):14,.0f}{median(of_K) / base:7.1f} x   {value:.2f}")
    print(f"  {many[-1]} seeds in lock-step: {verdict(median(rates[many[-1]]) / base, 10)}")


def import_time(repeats: int = 7) -> None:
    code = (
        "import time; wall, cpu = time.perf_counter(), time.process_time(); import rlcourse.functional.tabular; "
        "print(time.process_time() - cpu, time.perf_counter() - wall)"
    )
    runs = []
    for _ in range(repeats):
        ran = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=True)
        runs.append([float(number) for number in ran.stdout.split()])
    seconds, wall = (median(column) for column in zip(*runs, strict=True))
    met = "met" if seconds < 0.3 else "MISSED"
    print(f"\nimport rlcourse.functional.tabular, a fresh process, median of {repeats}")
    print(f"  {seconds:.3f} CPU s, {wall:.3f} s of wall time  (target under 0.3: {met})")


def lectures() -> None:
    import nbformat
    from nbclient import NotebookClient

    print("\nEach lecture, executed from its first cell to its last (nothing is written), threads as the user has them")
    for path in sorted((HOUSE / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        before, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute(env=USERS_ENVIRON)
        after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - wall
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        met = "met" if wall < 60 else "MISSED"
        print(f"  {path.stem:28}{seconds:7.1f} CPU s{wall:7.1f} s of wall time  (target under 60: {met})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lectures", action="store_true", help="execute every notebook too (minutes)")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each contender (default 3)")
    args = parser.parse_args()
    if args.repeats < 1:
        parser.error(f"--repeats: got {args.repeats}, expected at least 1")
    # The peer compares a whole sparse matrix with 0, which SciPy calls slow; its user sees that once and goes on.
    warnings.filterwarnings("ignore", category=scipy.sparse.SparseEfficiencyWarning)

    packages = f"NumPy {np.__version__}, SciPy {scipy.__version__}, Gymnasium {gymnasium.__version__}"
    print(f"Python {platform.python_version()}, {packages}, one thread, median of {args.repeats}")
    planning("Dense random MDP", random_mdp(1000, 10), 5, args.repeats)
    rows = [["."] * 100 for _ in range(100)]
    rows[0][0], rows[-1][-1] = "S", "G"
    slippery = grid_world("\n".join(map("".join, rows)), slip=0.2, step_reward=-0.01)
    planning("Sparse slippery grid 100x100", slippery, 100, args.repeats)
    learning(args.repeats)
    import_time()
    if args.lectures:
        lectures()


if __name__ == "__main__":
    main()
