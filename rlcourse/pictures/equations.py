"""An equation as a lecture shows it, from its function's docstring."""

import inspect
import re
import textwrap
from collections.abc import Callable

from IPython.display import Markdown

from rlcourse.pictures.notation import MEANINGS, symbols

MATH = re.compile(r":math:`([^`]*)`")


def show(f: Callable) -> Markdown:
    """A function as a lecture shows it: name and arguments, what it is, its equation, its symbols, its source.

    Never its body. The notation page explains symbols, the docstring's "Here .." those of one equation alone.
    """
    paragraphs = re.split(r"\n\s*\n", inspect.getdoc(f) or "")
    equations = [textwrap.dedent(p.split(".. math::", 1)[1]).strip() for p in paragraphs if ".. math::" in p]
    known, _ = symbols(" ".join(equations))
    signature = inspect.signature(f)
    names = [name.replace(annotation=inspect.Parameter.empty) for name in signature.parameters.values()]
    bare = signature.replace(parameters=names, return_annotation=inspect.Signature.empty)
    parts = [f"**`{f.__name__}{bare}`**", " ".join(paragraphs[0].split())]
    parts += [f"$$\n{equation}\n$$" for equation in equations]
    if known:
        parts.append(f"<small>where {'; '.join(f'${symbol}$ = {MEANINGS[symbol]}' for symbol in known)}</small>")
    small = [" ".join(p.split()) for start in ("Here ", "Source:") for p in paragraphs if p.startswith(start)]
    parts += ["<small>" + MATH.sub(r"$\1$", paragraph) + "</small>" for paragraph in small]
    return Markdown("\n\n".join(parts))
