"""The folder is the floor: a module imports from its own folder or from those below, and never in a circle."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rlcourse"
FLOORS = "contracts functional worlds parts training agents records pictures homework staff cli".split()


def module_name(file: Path) -> str:
    """rlcourse/agents/a2c.py is agents.a2c, rlcourse/agents/__init__.py is agents."""
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
    """How high a module stands; the package itself, which imports nothing, stands lowest."""
    top = name.split(".")[0]
    assert top == "" or top in FLOORS, f"rlcourse.{name} stands in none of the folders {', '.join(FLOORS)}"
    return FLOORS.index(top) if top else -1


@pytest.mark.parametrize("name", FILES)
def test_imports_no_higher_floor(name):
    for imported in imports(FILES[name].read_text(encoding="utf-8"), set(FILES)):
        assert floor(imported) <= floor(name), f"rlcourse.{name} imports rlcourse.{imported} from a higher floor"


def test_no_import_goes_in_a_circle():
    """Inside a folder too, and also where an import is hidden in a function."""
    above = {name: imports(file.read_text(encoding="utf-8"), set(FILES)) - {name} for name, file in FILES.items()}
    done: set[str] = set()

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"a circle: {' -> '.join((*path, name))}"
        if name not in done:
            for imported in above.get(name, ()):
                if imported in FILES and imported != name.rpartition(".")[0]:  # a module may name its own folder
                    follow(imported, (*path, name))
            done.add(name)

    for name in FILES:
        follow(name, ())


def test_imports_are_read_wherever_they_stand():
    source = "import rlcourse.worlds as m\nfrom rlcourse import pictures, __version__\nimport numpy\n"
    source += "def f():\n    from rlcourse.staff.notebooks import main\n"
    assert imports(source, {"", "worlds", "pictures", "staff.notebooks"}) == {
        "worlds",
        "pictures",
        "",
        "staff.notebooks",
    }
    assert imports("from rlcourse import pictures", {"", "pictures"}) == {"pictures"}
