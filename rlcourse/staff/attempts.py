"""Of one student's several notebooks, the one that counts.

A changed one goes before one as it was handed out, then the problem set's own name before others, then the last
attempt.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from rlcourse.staff import cells
from rlcourse.staff.archives import File
from rlcourse.staff.slim import without_outputs
from rlcourse.staff.systems import Claim, normal

REPEATED = re.compile(r"(?:-(\d+)| ?\((\d+)\)|-Copy(\d+))$")  # x-1, x (1), x-Copy1: the same name once more
MAX_LOOKED_AT = 10  # of one student's notebooks, where there are several
OTHER_NOTEBOOK, HANDED_OUT, MORE, SOLVED = range(4)  # as students got it; with cells of its own; with solutions


@dataclass
class Candidate:
    """A notebook that may be the one that counts."""

    file: File
    stem: str  # its own name, without what systems and browsers add
    order: tuple  # what tells a later attempt from an earlier one
    rank: int | None = None
    why_not: str = ""


def candidate(file: File, claim: Claim) -> Candidate:
    direct = file is claim.files[0] and claim.known.get("rest")
    stem = PurePosixPath(claim.known["rest"] if direct else file.path).stem
    repeated = REPEATED.search(stem)
    repeat = int(next(filter(None, repeated.groups()))) if repeated else 0
    attempt = int(claim.known.get("attempt") or 0)
    return Candidate(
        file,
        normal(stem[: repeated.start()] if repeated else stem),
        (claim.known.get("when") or "", repeat, file.time or 0.0, attempt),
    )


def the_last(here: list[Candidate], name: str, stub: list[cells.Cell]) -> tuple[Candidate | None, list[str]]:
    """The one that counts, and what to say of it; where none can be chosen, why."""
    worked = with_work(here, name, stub)
    named = [one for one in worked if one.stem == name] or worked
    stems = sorted({one.stem for one in named})
    if len(stems) > 1:
        listed = ", ".join(f"{stem}.ipynb" for stem in stems[:5])
        return None, [f"{len(named)} notebooks, and none is called {name}.ipynb: {listed}"]
    *earlier, last = sorted(named, key=lambda one: one.order)
    said = []
    if untouched := [one for one in here if one.rank in (HANDED_OUT, MORE) and one not in worked]:
        for one in untouched:
            one.why_not = "without solutions, as it was handed out; a changed one counts"
        said.append(f"{untouched[0].file.path} is as it was handed out; the changed one counts: {last.file.path}")
    if earlier:
        said.append(f"{len(named)} attempts; the last one counts: {last.file.path}")
        if earlier[-1].order == last.order:
            said.append("which of the attempts is newer is not known: look at both")
    return last, said


def with_work(here: list[Candidate], name: str, stub: list[cells.Cell]) -> list[Candidate]:
    """Of several notebooks those with the most work in them. Other names are read only where that one has none."""
    if not stub or len(here) == 1:
        return here
    best = OTHER_NOTEBOOK
    for group in ([one for one in here if one.stem == name], here):
        for one in group[:MAX_LOOKED_AT]:
            one.rank = rank(one.file, stub) if one.rank is None else one.rank
        best = max([one.rank for one in group if one.rank is not None], default=OTHER_NOTEBOOK)
        if best == SOLVED:
            break
    return here if best == OTHER_NOTEBOOK else [one for one in here if one.rank == best]


def rank(file: File, stub: list[cells.Cell]) -> int:
    """How far a notebook is from what students got."""
    try:
        theirs = cells.read(without_outputs(file.read()))
    except Exception:  # damaged or encrypted, or no notebook
        return OTHER_NOTEBOOK
    graded = [cell for cell in stub if cell.kind in ("solution", "test", "manual")]
    names, sources = {cell.name for cell in theirs}, {cell.source.strip() for cell in theirs if cell.source.strip()}
    if not any(cell.name in names or cell.source.strip() in sources for cell in graded):
        return OTHER_NOTEBOOK
    if any(cell.source.strip() not in sources for cell in graded if cell.kind == "solution"):
        return SOLVED
    return MORE if sources - {cell.source.strip() for cell in stub} else HANDED_OUT
