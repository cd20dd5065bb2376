"""The drawings: every one is drawn, holds words, and nothing of it lies outside its sheet."""

import importlib
import inspect
import pkgutil

import matplotlib
import matplotlib.pyplot as plt
import pytest
from matplotlib.axes import Axes

from rlcourse.pictures import drawings

DRAWINGS = {
    f"{module.name}.{name}": function
    for module in pkgutil.iter_modules(drawings.__path__)
    if module.name != "ink"
    for name, function in vars(importlib.import_module(f"{drawings.__name__}.{module.name}")).items()
    if inspect.isfunction(function) and not name.startswith("_") and function.__module__.endswith(f".{module.name}")
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_fits_its_sheet(name):
    matplotlib.use("Agg")
    ax = DRAWINGS[name]()
    assert isinstance(ax, Axes) and DRAWINGS[name].__doc__
    texts = [text for text in ax.texts if text.get_text().strip()]
    assert texts
    ax.figure.draw_without_rendering()
    sheet = ax.figure.bbox.padded(2)
    for text in texts:
        extent = text.get_window_extent()
        assert sheet.contains(extent.x0, extent.y0) and sheet.contains(extent.x1, extent.y1), text.get_text()
    plt.close(ax.figure)
