"""An equation as a lecture shows it, from its function's docstring."""

import inspect
import re
import textwrap
from collections.abc import Callable

from IPython.display import Markdown


def show(f: Callable) -> Markdown:
    """A function as a lecture shows it: name and arguments, what it is, its equation and source. Never its body."""
    paragraphs = re.split(r"\n\s*\n", inspect.getdoc(f) or "")
    equations = [textwrap.dedent(p.split(".. math::", 1)[1]).strip() for p in paragraphs if ".. math::" in p]
    sources = [" ".join(p.split()) for p in paragraphs if p.startswith("Source:")]
    signature = inspect.signature(f)
    names = [name.replace(annotation=inspect.Parameter.empty) for name in signature.parameters.values()]
    bare = signature.replace(parameters=names, return_annotation=inspect.Signature.empty)
    parts = [f"**`{f.__name__}{bare}`**", " ".join(paragraphs[0].split())]
    parts += [f"$$\n{equation}\n$$" for equation in equations] + [f"<small>{source}</small>" for source in sources]
    return Markdown("\n\n".join(parts))
