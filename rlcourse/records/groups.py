"""Where groups of seeds train: here, in processes, on a Dask cluster, or wherever a caller's executor takes them."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager, nullcontext
from multiprocessing import active_children, get_context, parent_process


class RunError(Exception):
    """A run that cannot start, or groups that failed; the message says why."""


Pool = AbstractContextManager[Executor]


def train_groups(
    groups: list[list[int]],
    work: Callable[[Sequence[int]], dict],
    pool: Pool | None,
    keep: Callable[[Sequence[int], Future], None],
) -> None:
    """Each group's outcome is kept as it ends. On Ctrl-C what has ended is kept, and the rest called off."""
    if pool is None:
        for part in groups:
            keep(part, _here(work, part))
        return
    with pool as executor:
        with _interrupts_wait():  # a process that starts now never hears of Ctrl-C: we see to its end
            running = {executor.submit(work, part): part for part in groups}
        try:
            for done in as_completed(running):
                keep(running[done], done)
        except BaseException:
            for future, part in running.items():
                if not future.cancel() and future.done():
                    keep(part, future)
            raise


def _here(work: Callable[[Sequence[int]], dict], part: list[int]) -> Future:
    outcome: Future = Future()
    try:
        outcome.set_result(work(part))
    except Exception as error:
        outcome.set_exception(error)
    return outcome


def pool_for(jobs: int, scheduler: str | None, executor: Executor | None) -> Pool | None:
    """What hands out an executor and ends what it started for it; None: here, one group after the other."""
    if executor is not None:
        return nullcontext(executor)  # the caller's own stays open
    if scheduler is not None:
        return _cluster(scheduler)
    return _processes(jobs) if jobs > 1 else None


@contextmanager
def _processes(jobs: int) -> Iterator[Executor]:
    """So many processes; where something is raised they are killed, busy or not."""
    others = set(active_children())
    pool = ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent)
    try:
        yield pool
    except BaseException:
        for worker in set(active_children()) - others:
            worker.kill()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _end_with_parent() -> None:
    """A worker whose parent is gone, however that came, ends too."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    """The workers of a Dask cluster; they import rlcourse, so it must be installed there."""
    try:
        from distributed import Client
    except ImportError:
        raise RunError("--scheduler needs Dask: pip install 'dask[distributed]'") from None
    try:
        client = Client(scheduler, timeout=10, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"scheduler: got {scheduler!r}, expected the address of a Dask scheduler ({error})") from None
    with client:
        executor = client.get_executor(pure=False)
        try:
            yield executor
        except BaseException:
            logging.getLogger("distributed").setLevel(logging.CRITICAL)  # it would tell at length that it was left
            raise
        finally:
            executor.shutdown(wait=False)


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Ctrl-C is heard at the end of the block. Processes that are started inside never hear it."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
