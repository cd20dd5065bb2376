"""What students wrote for a person to grade: what stands at the place of an answer and was not there before."""

from rlcourse.staff.cells import Cell


def answers_of(stub: list[Cell], student: list[Cell]) -> dict[str, str]:
    """The written answers by the name of their cell; none for one that was left as it was.

    Args:
        stub: the cells of the notebook as students got it.
        student: the cells of a student's notebook; ids may be lost, and an answer may stand in a cell of its own.
    """
    names = labels(stub, student)
    answers = {}
    for number, cell in enumerate(stub):
        if cell.kind != "manual":
            continue
        before = next((own.name for own in reversed(stub[:number]) if own.name in names), "")
        texts, last = [], ""  # the last cell that is not an added one
        for name, theirs in zip(names, student, strict=True):
            last = name or last
            if last == cell.name or (last == before and not name and not theirs.code):  # code there is a solution
                texts.append(theirs.source.strip())
        given = {"", cell.source.strip()}
        if written := [text for text in texts if text not in given]:
            answers[cell.name] = "\n\n".join(written)
    return answers


def labels(stub: list[Cell], student: list[Cell]) -> list[str]:
    """Which cell of the stub each of the student's is, by name or else by what it says; "" for an added one."""
    names = {cell.name for cell in stub}
    by_source = {cell.source.strip(): cell.name for cell in stub if cell.source.strip()}
    return [cell.name if cell.name in names else by_source.get(cell.source.strip(), "") for cell in student]
