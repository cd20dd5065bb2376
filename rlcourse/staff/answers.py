"""The answers that no student may be given before the deadline, and the search for them in what is handed out.

An answer is the body of a graded function, a solution of a master notebook, or a misconception of the bank. Two pieces
of code count as the same where their syntax trees are, whatever the variables are called, and without docstrings,
annotations and decorators.
"""

import ast
import builtins
import inspect
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rlcourse.contracts.graded import PROBLEM_SETS

LIBRARY_NAMES = {*dir(builtins), "np", "numpy", "torch", "math", "scipy"}  # these stand for themselves
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
LEAST = 12  # nodes of the syntax tree: what is smaller (`answer = "b"`) may stand anywhere by chance


@dataclass(frozen=True)
class Answer:
    """A piece of code that is not to be given away."""

    what: str
    statements: list[ast.stmt]
    text: str = ""  # its source, each stretch of blanks one blank: also looked for in comments, prose and outputs
    whole: bool = False  # counts only as all of a function, not as a part of one


class _Bare(ast.NodeTransformer):
    """A tree without what does not change what it computes: docstrings, annotations, decorators."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.decorator_list, node.returns = [], None
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return ast.copy_location(ast.Assign([node.target], node.value), node) if node.value else None

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)


def same(a: object, b: object, names: dict[str, str]) -> bool:
    """Whether two syntax trees are the same but for names; `names` gathers which name of b stands for which of a."""
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, names) for x, y in zip(a, b, strict=True))
    if not isinstance(a, ast.AST):
        return a == b
    for field in a._fields:
        x, y = getattr(a, field, None), getattr(b, field, None)
        if (field, type(a)) in {("id", ast.Name), ("arg", ast.arg), ("name", ast.FunctionDef)}:
            known = x in LIBRARY_NAMES or y in LIBRARY_NAMES
            agree = x == y if known else names.setdefault(f"a {x}", y) == y and names.setdefault(f"b {y}", x) == x
        else:
            agree = field in ("ctx", "kind", "type_comment") or same(x, y, names)
        if not agree:
            return False
    return True


def _line_of(answer: list[ast.stmt], block: list[ast.stmt], names: dict[str, str]) -> int | None:
    """Where a block holds the statements in their order, others between them or not; a returned value, anywhere."""
    head, *rest = answer
    if not rest and isinstance(head, ast.Return) and head.value:
        return _line_of_value(head.value, (node for statement in block for node in ast.walk(statement)), names)
    for position, statement in enumerate(block):
        trial = dict(names)
        if same(head, statement, trial):
            line = _line_of(rest, block[position + 1 :], trial) if rest else statement.lineno
            if line is not None:
                return line
    return None


def _line_of_value(value: ast.expr, nodes: Iterable[ast.AST], names: dict[str, str]) -> int | None:
    return next((node.lineno for node in nodes if same(value, node, dict(names))), None)


def _blocks(tree: ast.AST) -> Iterator[tuple[list[ast.stmt], bool]]:
    """Every list of statements in a tree, and whether it is all of a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda):
            yield [ast.copy_location(ast.Return(node.body), node)], True
        else:
            for field in ("body", "orelse", "finalbody"):
                block = getattr(node, field, None)
                if isinstance(block, list) and block:
                    yield block, field == "body" and isinstance(node, ast.FunctionDef)


def find(source: str, answers: list[Answer]) -> list[tuple[int, str]]:
    """The answers in a piece of Python: line and what it is, one a line.

    Raises:
        SyntaxError: where the source is not Python.
    """
    tree = _Bare().visit(ast.parse(source))
    blocks, nodes = list(_blocks(tree)), list(ast.walk(tree))
    found: dict[int, str] = {}
    for answer in answers:
        head, *rest = answer.statements
        if answer.whole:
            lines = [block[0].lineno for block, is_function in blocks if is_function and same([head, *rest], block, {})]
        elif isinstance(head, ast.Return) and head.value and not rest:
            lines = [_line_of_value(head.value, nodes, {})]
        else:
            lines = [_line_of(answer.statements, block, {}) for block, _ in blocks]
        for line in filter(None, lines):
            found.setdefault(line, answer.what)
    in_words = [] if found else find_text(source, answers)  # in a comment, then
    return sorted(found.items()) or [(1, what) for what in in_words]


def find_text(prose: str, answers: list[Answer]) -> list[str]:
    """The answers that stand word for word in prose, in a comment or in an output."""
    flat = " ".join(prose.replace("#", " ").split())
    return [answer.what for answer in answers if answer.text and answer.text in flat]


def graded_functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str, int]]:
    """The functions of a module under @graded: node, problem set (ps1) and points."""
    for node in tree.body:
        for decorator in getattr(node, "decorator_list", []):
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "graded":
                given = {word.arg: word.value.value for word in decorator.keywords if type(word.value) is ast.Constant}
                yield node, given["problem_set"], given.get("points", 0)


def _answer(what: str, nodes: list[ast.stmt], source: str = "", whole: bool = False) -> Iterator[Answer]:
    """The answer that statements make, unless nothing is left of them, or too little to be told from chance."""
    text = ""
    if source:
        first, last = nodes[0].lineno, nodes[-1].end_lineno
        text = " ".join(" ".join(source.splitlines()[first - 1 : last]).split())
    bare = _Bare().visit(ast.Module(nodes, [])).body
    size = sum(1 for node in bare for _ in ast.walk(node))
    if bare and (size >= LEAST or whole):
        yield Answer(what, bare, text, whole)


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def graded_bodies(sets: list[str], package: Path) -> Iterator[Answer]:
    """The bodies of the graded functions of some problem sets."""
    for file in sorted((package / "functional").glob("*.py")):
        source = file.read_text(encoding="utf-8")
        for function, problem_set, _ in graded_functions(ast.parse(source)):
            if problem_set in sets:
                yield from _answer(f"the body of {function.name}", _body(function), source)


def solutions(name: str, cells: list[dict]) -> Iterator[Answer]:
    """The solutions of a master notebook: what stands between the markers, and every function in it."""
    for cell in cells:
        if cell["cell_type"] != "code" or not cell["metadata"].get("nbgrader", {}).get("solution"):
            continue
        source = cell["source"]
        regions = [part.split(END)[0] for part in source.split(BEGIN)[1:]] or [source]
        for region in regions:
            try:
                statements = ast.parse(textwrap.dedent(region.lstrip("\n"))).body
            except SyntaxError:  # it begins in the middle of a statement
                statements = ast.parse(source).body
            what = f"the solution cell {cell['id']} of {name}"
            for statement in statements:
                if isinstance(statement, ast.FunctionDef):
                    yield from _answer(what, _body(statement))
            if not any(isinstance(statement, ast.FunctionDef) for statement in statements):
                yield from _answer(what, statements)


def of_function(what: str, function: Callable) -> Iterator[Answer]:
    """The answer that a Python function is: a misconception."""
    code = inspect.unwrap(function).__code__
    tree = ast.parse(Path(code.co_filename).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first == code.co_firstlineno:
                yield from _answer(what, _body(node), whole=True)
        elif isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno and code.co_name == "<lambda>":
            yield from _answer(what, [ast.copy_location(ast.Return(node.body), node)], whole=True)


def not_before(problem_set: str) -> list[str]:
    """This problem set and all later ones."""
    names = list(PROBLEM_SETS)
    return names[names.index(problem_set) :]
