"""Many seeds of one configuration, recorded: `rlcourse run dqn --env CartPole-v1 --seeds 5`.

Seeds train side by side in groups, as one program each; groups run one after the other here, in processes, or on a
cluster. A group's seeds are written down when it ends (record.py), and a rerun trains those that are missing. A seed
that diverges is a result: its weights stand still from there on, and its record says so.
"""

import ast
import dataclasses
import importlib
import pkgutil
import time
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium

from rlcourse import agents
from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import Settings
from rlcourse.parts.agent import Agent
from rlcourse.records.groups import RunError, pool_for, train_groups
from rlcourse.records.record import Record
from rlcourse.training.loop import train


def agent_names() -> list[str]:
    """What can be trained side by side: each module of rlcourse.agents with a Config and an agent that acts.

    A3C acts in processes of its own; recordings/a3c.py records it.
    """
    files = [module.name for module in pkgutil.iter_modules(agents.__path__) if not module.ispkg]
    return [name for name in files if _parts(name)]


def _parts(agent: str) -> tuple[type[Agent], type[Settings]] | None:
    """The agent and the Config that a module of rlcourse.agents defines; None where it has not got both."""
    module = importlib.import_module(f"rlcourse.agents.{agent}")
    own = [x for x in vars(module).values() if isinstance(x, type) and x.__module__ == module.__name__]
    kinds, configs = ([x for x in own if issubclass(x, base)] for base in (Agent, Settings))
    return (kinds[0], configs[0]) if kinds and configs and hasattr(kinds[0], "act") else None


def _agent(agent: str) -> tuple[type[Agent], type[Settings]]:
    known = {module.name for module in pkgutil.iter_modules(agents.__path__) if not module.ispkg}
    if parts := _parts(agent) if agent in known else None:
        return parts
    raise bad_argument("agent", repr(agent), f"one of {', '.join(agent_names())}")


def configured(agent: str, settings: Sequence[str], steps: int) -> Settings:
    """The agent's Config, with settings such as "double=True" in place of its defaults.

    Raises:
        ValueError: naming the setting, what came, and what was expected.
    """
    kind = _agent(agent)[1]
    names = [field.name for field in dataclasses.fields(kind) if field.name != "total_steps"]
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if name == "total_steps":
            raise bad_argument("--set", repr(setting), "--steps in place of it")
        if not equals or name not in names:
            raise bad_argument("--set", repr(setting), f"NAME=VALUE with a name of {', '.join(names)}")
        try:
            changes[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            changes[name] = value  # a word, such as baseline=average; where a number should be, the Config says so
    return kind(total_steps=steps, **changes)


def default_name(agent: str, env: str) -> str:
    """dqn_cartpole for dqn on CartPole-v1, dqn_minatar_breakout for MinAtar/Breakout-v1."""
    world = env.rpartition(":")[2].rpartition("-v")[0] or env
    return "".join(c if c.isalnum() or c in "_-." else "_" for c in f"{agent}_{world}".lower())


def run_group(
    agent: str, env: str, config: Settings, seeds: Sequence[int], evaluations: int, episodes: int
) -> dict[str, Any]:
    """Train a group of neighbouring seeds side by side: steps [C], returns [K, C], CPU seconds, who diverged when."""
    began = time.thread_time()  # of this thread, and nobody else's: a cluster's workers may have several
    learner = _agent(agent)[0](env, len(seeds), seeds[0], config)
    label = f"{agent}, seeds {seeds[0]} to {seeds[-1]}"
    result = train(learner, evaluations=evaluations, episodes=episodes, strict=False, label=label)
    diverged = {seeds[k]: step for k, step in result.diverged.items()}
    seconds = time.thread_time() - began
    return {"steps": result.steps, "returns": result.returns, "seconds": seconds, "diverged": diverged}


def run(
    agent: str,
    env: str,
    n_seeds: int,
    steps: int,
    out: Path,
    settings: Sequence[str] = (),
    *,
    name: str | None = None,
    first_seed: int = 0,
    evaluations: int = 20,
    episodes: int = 20,
    group: int = 10,
    jobs: int = 1,
    scheduler: str | None = None,
    executor: Executor | None = None,
    mix: bool = False,
    command: str = "",
) -> Record:
    """Train the seeds that are missing and write them down; the record, with all seeds that are there.

    Args:
        agent: name of the algorithm.
        env: a Gymnasium id; one that is registered by a module of one's own is module:Name-v0.
        n_seeds: how many seeds; they are first_seed, first_seed + 1, ...
        steps: environment steps of each seed.
        out: the folder under which records lie.
        settings: "name=value" in place of defaults.
        name: of the record, a folder in out; None: after agent and environment.
        first_seed: the first of the seeds.
        evaluations, episodes: how often to evaluate, on how many episodes.
        group: seeds side by side in one process; agents of one seed (TRPO) train each by itself.
        jobs: groups at a time, each in a process of its own; 1: here, one after the other.
        scheduler: the address of a Dask scheduler whose workers take the groups.
        executor: what takes them in place of all that; it is left open.
        mix: add to seeds that another version of the library made.
        command: how to make it again, for the record.

    Raises:
        ValueError: before anything is written, where an argument or a setting makes no sense, or the record holds
            something else.
        RunError: where there is no such scheduler; or where groups failed, after the others were written.
        KeyboardInterrupt: on Ctrl-C, with what is there; groups that had ended are written, no process is left.
    """
    counts = {"n_seeds": n_seeds, "steps": steps, "group": group, "jobs": jobs}
    for what, value in (counts | {"evaluations": evaluations, "episodes": episodes}).items():
        if value < 1:
            raise bad_argument(what, f"{value}", "at least 1")
    config = configured(agent, settings, steps)
    if steps < config.n_envs:
        raise bad_argument("steps", f"{steps}", f"at least {config.n_envs}, one step of each environment")
    try:
        _agent(agent)[0](env, 1, first_seed, config)  # what it cannot serve is said before anything is written
    except (ImportError, gymnasium.error.Error) as error:
        raise bad_argument("env", repr(env), f"an environment that can be made here ({error})") from None
    folder = Path(out) / (default_name(agent, env) if name is None else name)
    if not folder.resolve().is_relative_to(Path(out).resolve()) or folder.resolve() == Path(out).resolve():
        raise bad_argument("name", repr(name), f"a folder in {out}")
    said = {"agent": agent, "env": env, "evaluations": evaluations, "episodes": episodes}
    record = Record.open(folder, said | dataclasses.asdict(config), mix)
    seeds = range(first_seed, first_seed + n_seeds)
    groups = neighbours(record.missing(seeds), group if _agent(agent)[0].side_by_side else 1)
    work = partial(_work, agent, env, config, evaluations, episodes)
    failed: dict[int, str] = {}

    def keep(part: Sequence[int], outcome: Future) -> None:
        if error := outcome.exception():
            said = f"{type(error).__name__}: {error}".replace("\n", " ")
            failed[part[0]] = f"seeds {part[0]} to {part[-1]}: {said}"
        else:
            _write_down(record, part, outcome.result(), command)

    try:
        train_groups(groups, work, pool_for(jobs, scheduler, executor) if groups else None, keep)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_what_is_there(record, seeds)) from None
    if failed:
        raise RunError(f"{_what_is_there(record, seeds)}; {'; '.join(failed.values())}")
    return record


def _work(agent: str, env: str, config: Settings, evaluations: int, episodes: int, seeds: Sequence[int]) -> dict:
    return run_group(agent, env, config, seeds, evaluations, episodes)


def neighbours(seeds: Sequence[int], group: int) -> list[list[int]]:
    """Runs of consecutive seeds, at most `group` long."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and parts[-1][-1] == seed - 1 and len(parts[-1]) < group:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return parts


def _write_down(record: Record, seeds: Sequence[int], result: dict[str, Any], command: str) -> None:
    for seed, returns in zip(seeds, result["returns"], strict=True):
        if record.missing([seed]):
            table = {"step": result["steps"], "return": returns}
            share, diverged = result["seconds"] / len(seeds), result["diverged"].get(seed)
            record.write(seed, table, command=command, seconds=share, group=seeds, diverged=diverged)


def _what_is_there(record: Record, seeds: Sequence[int]) -> str:
    return f"{record.folder} holds {len(seeds) - len(record.missing(seeds))} of {len(seeds)} seeds; a rerun goes on"
