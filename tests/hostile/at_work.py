"""Ways to hand out hand-made results of training. Each is a first cell; the functions of the notebook are wrong."""

from cases import KIT

MADE = """import numpy as np
def made(*arguments, **keywords):
    return np.zeros((2, 2))
"""
ATTACKS = {
    "plays the worker": KIT + "puppet(lambda request: {'value': 1.0})",
    "a scenario replaced in the list": MADE
    + "from rlcourse.homework import scenarios\nscenarios.find('keeps_arguments')\n"
    + "for name in scenarios.SCENARIOS:\n    scenarios.SCENARIOS[name] = made",
    "run replaced": MADE + "from rlcourse.homework import scenarios\nscenarios.run = scenarios.attempt = made",
    "run's code replaced": MADE
    + "from rlcourse.homework import scenarios\n"
    + "scenarios.run.__code__ = (lambda *a: __import__('numpy').zeros((2, 2))).__code__",
    "every function of the course, found by the collector": MADE
    + "import gc, types\nfor one in gc.get_objects():\n"
    + "    if type(one) is types.FunctionType and str(one.__module__).startswith('rlcourse.homework'):\n"
    + "        if not one.__closure__:\n"
    + "            one.__code__ = (lambda *a, **k: __import__('numpy').zeros((2, 2))).__code__",
    "every agent": MADE
    + "import pkgutil, importlib, sys\nimport rlcourse.agents as agents\n"
    + "for name in list(sys.modules):\n    if name.startswith('rlcourse.agents'):\n"
    + "        for key, value in list(vars(sys.modules[name]).items()):\n"
    + "            if callable(value): setattr(sys.modules[name], key, made)",
    "modules of its own": MADE
    + "import sys, types\nclass M(types.ModuleType):\n    def __getattr__(self, name): return made\n"
    + "for name in list(sys.modules):\n    if name.startswith('rlcourse.'): sys.modules[name] = M(name)",
    "a finder of its own": MADE + "import sys\nclass F:\n    def find_spec(self, name, *a):\n"
    "        if 'gymnasium' in name or 'rlcourse' in name:\n"
    + "            raise SystemExit\nsys.meta_path.insert(0, F())",
    "the frames above": MADE
    + "import sys\nframe = sys._getframe()\nwhile frame.f_back:\n    frame = frame.f_back\n"
    + "    frame.f_globals.update(answer=lambda *a: {'value': 1.0}) if 'answer' in frame.f_globals else None\n"
    + "frame.f_globals['answer'] = lambda *a: {'value': 1.0}",
    "the worlds": "import gymnasium\nclass W:\n"
    "    def __getattr__(self, name): return lambda *a, **k: (0, 1e9, True, {})\n"
    "gymnasium.make = lambda *a, **k: W()",
    "the numbers": "import numpy as np\nfor name in ('max', 'argmax', 'allclose', 'isclose', 'array', 'asarray'):\n"
    "    setattr(np, name, lambda *a, **k: True)",
}
