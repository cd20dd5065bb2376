"""The catalogue of exercises: every graded function there is."""

import importlib
import pkgutil

from rlcourse import functional
from rlcourse.contracts import graded
from rlcourse.contracts.graded import Exercise


def catalogue() -> dict[str, Exercise]:
    """Every graded function of the library by name, in the order of the lectures."""
    for module in pkgutil.iter_modules(functional.__path__):
        importlib.import_module(f"rlcourse.functional.{module.name}")
    return dict(sorted(graded.CATALOGUE.items(), key=lambda item: (item[1].problem_set, item[1].lecture)))
