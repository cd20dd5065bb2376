"""What a notebook has set for all of NumPy and PyTorch holds for its functions, not for the library's code."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def standard_settings() -> Iterator[Callable[[Any], Any]]:
    """Run a block as if the notebook had set nothing; afterwards all is as it was.

    Floating-point errors are ignored, gradients recorded, anomalies not looked for; PyTorch has one thread (two, beside
    another busy process, take ten times as long) and makes single precision. A function that has to be in double
    precision, because the notebook says so, is handed on through what this gives:

        with standard_settings() as theirs:
            train(agent, gae=theirs(gae))
    """
    torch = sys.modules.get("torch")  # a tabular problem set has none
    with np.errstate(all="ignore"):
        if torch is None:
            yield lambda function: function
            return
        dtype, threads, grad = torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
        anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()

        def theirs(function: Any) -> Any:
            """A function that runs with the default dtype of the notebook; anything else as it is."""
            if dtype == torch.float32 or not callable(function):
                return function

            @functools.wraps(function, updated=())
            def with_their_dtype(*args: Any, **kwargs: Any) -> Any:
                torch.set_default_dtype(dtype)
                try:
                    return function(*args, **kwargs)
                finally:
                    torch.set_default_dtype(torch.float32)

            return with_their_dtype

        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(1)
        torch.set_grad_enabled(True)
        torch.autograd.set_detect_anomaly(False)
        try:
            yield theirs
        finally:
            torch.set_default_dtype(dtype)
            torch.set_num_threads(threads)
            torch.set_grad_enabled(grad)
            torch.autograd.set_detect_anomaly(*anomaly)


def call(function: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call a student's function by itself: as a scenario would."""
    with standard_settings() as theirs:
        return theirs(function)(*args, **kwargs)
