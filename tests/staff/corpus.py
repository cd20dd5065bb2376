"""How a file of wrong answers (wrong_answers_*.py) lists them."""

from collections.abc import Callable

Wrong = list[tuple[str, tuple[str, ...], Callable]]  # of each: the function, the mistakes that are true of it, itself


def corpus() -> tuple[Wrong, Callable]:
    """An empty list of wrong answers, and the decorator that puts one into it: `@wrong("elite_mask", "the-worst")`."""
    listed: Wrong = []

    def wrong(name: str, *ids: str) -> Callable[[Callable], Callable]:
        def decorate(function: Callable) -> Callable:
            listed.append((name, ids, function))
            return function

        return decorate

    return listed, wrong
