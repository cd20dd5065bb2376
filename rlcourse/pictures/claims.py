"""A claim of a lecture, checked on the data at hand and printed with its size."""

from typing import Any


def claim(text: str, holds: Any, size: Any = None) -> None:
    """Print what a lecture claims, and the number behind it, after checking it.

    Args:
        text: the claim, in words.
        holds: whether it does.
        size: what was measured: a number is printed with three digits, anything else as it is.

    Raises:
        AssertionError: it does not hold.
    """
    assert holds, f"does not hold here: {text}" + ("" if size is None else f" ({_said(size)})")
    print(f"✓ {text}" + ("" if size is None else f": {_said(size)}"))


def _said(size: Any) -> str:
    if isinstance(size, list | tuple):
        return ", ".join(map(_said, size))
    return f"{float(size):.3g}" if not isinstance(size, str) else size
