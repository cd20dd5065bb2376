"""The floors of the house: a module imports from its own floor or from lower ones, never from a higher one."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rlcourse"
FLOORS = [
    ["", "graded", "inputs", "functional", "nets", "policies", "progress", "recurrent", "wire"],
    ["data", "envs", "mdps", "walks", "loop", "stats", "sumtree"],
    ["agents"],
    [
        "experiments",
        "plotting",
        "widgets",
        "scenarios",
        "scenarios_actor_critic",
        "scenarios_dqn",
        "scenarios_policies",
        "checks",
    ],
    ["staff"],
    ["cli", "__main__"],
]
FLOOR = {name: floor for floor, names in enumerate(FLOORS) for name in names}


def module_name(file: Path) -> str:
    """rlcourse/agents/tabular.py is agents.tabular, rlcourse/agents/__init__.py is agents."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imports(source: str, modules: set[str]) -> set[str]:
    """The modules of rlcourse that a source imports, at its top or anywhere inside."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import; write it from rlcourse on"
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            modules_inside = {name for name in inside if name.removeprefix("rlcourse.") in modules}
            names |= modules_inside if inside == modules_inside else modules_inside | {node.module}
    own = {name for name in names if name.split(".")[0] == "rlcourse"}
    return {name.removeprefix("rlcourse").removeprefix(".") for name in own}


def floor(name: str) -> int:
    top = name.split(".")[0]
    assert top in FLOOR, f"rlcourse.{name} has no floor yet: give it one in tests/test_floors.py"
    return FLOOR[top]


@pytest.mark.parametrize("name", FILES)
def test_imports_no_higher_floor(name):
    for imported in imports(FILES[name].read_text(encoding="utf-8"), set(FILES)):
        assert floor(imported) <= floor(name), f"rlcourse.{name} imports rlcourse.{imported} from a higher floor"


def test_imports_are_read_wherever_they_stand():
    source = "import rlcourse.mdps as m\nfrom rlcourse import plotting, __version__\nimport numpy\n"
    source += "def f():\n    from rlcourse.staff.notebooks import main\n"
    assert imports(source, {"", "mdps", "plotting", "staff.notebooks"}) == {"mdps", "plotting", "", "staff.notebooks"}
    assert imports("from rlcourse import plotting", {"", "plotting"}) == {"plotting"}
