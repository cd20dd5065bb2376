"""What becomes of results: the CSV, feedback pages, Gradescope's file, nbgrader's gradebook."""

import csv
import io
import json

import pytest
from classroom import FULL, as_bytes, hidden, master, student

from rlcourse.staff import cells, export, feedback, gradebook, judge

EVIL = "<script>alert(1)</script>\x1b[31m"


def result(name: str = "jane", **changes: dict) -> dict:
    """A result with full marks, but for the cells named here."""
    points = {"test-double": 2.0, "test-total": 3.0, "test-letter": 1.0, "written": 4.0, "test-kept": 1.0}
    made = []
    for cell, verdict in FULL.items():
        given = None if verdict == "manual" else points[cell]
        one = {
            "cell": cell,
            "points": given,
            "max": points[cell],
            "verdict": verdict,
            "hint": "",
            "public": "",
            "answer": "",
        }
        made.append(one | changes.get(cell.replace("-", "_"), {}))
    return {"student": name, "state": "graded", "score": 7.0, "max": 11.0, "cells": made, "errors": [], "notes": []}


def test_final_puts_a_persons_word_last():
    judged = result(test_double={"verdict": "failed", "points": 0.0})
    assert export.final(judged, {}, {})["score"] == 5
    assert export.final(judged, {"written": 3.5}, {})["score"] == 8.5
    both = export.final(judged, {"written": 3.5}, {"written": {"points": 1.0, "reason": "copied"}})
    assert both["score"] == 6 and both["cells"][3]["overridden"] == "copied"
    assert judged["cells"][3]["points"] is None  # the result itself stays


def test_final_of_a_fault_has_no_score_until_a_person_gives_one():
    judged = result(test_total={"verdict": "grader error", "points": None}) | {"state": "grader error"}
    assert (export.final(judged, {}, {})["score"], export.final(judged, {}, {})["state"]) == (None, "grader error")
    mended = export.final(judged, {}, {"test-total": {"points": 3.0, "reason": "r"}})
    assert (mended["score"], mended["state"]) == (7, "graded")


def test_csv():
    text = export.grades_csv([export.final(result("=HYPERLINK()"), {}, {})], list(FULL))
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["id", "score", "max", *FULL, "status", "note", "overridden"]
    assert rows[1] == [
        "'=HYPERLINK()",
        "7",
        "11",
        "2",
        "3",
        "1",
        "",
        "1",
        "graded",
        "to be graded by a person: written",
        "",
    ]


def test_gradescope():
    data = json.loads(
        export.gradescope(result(test_double={"verdict": "failed", "points": 0.0, "hint": "H", "public": "P\n"}))
    )
    assert [(test["name"], test["score"], test["max_score"], test["status"]) for test in data["tests"]] == [
        ("test-double", 0, 2, "failed"),
        ("test-total", 3, 3, "passed"),
        ("test-letter", 1, 1, "passed"),
        ("test-kept", 1, 1, "passed"),
    ]
    assert data["tests"][0]["output"] == "failed\nH\nP"


def test_pages_hold_no_markup_of_a_students():
    evil = {"hint": EVIL, "public": EVIL, "answer": EVIL}
    judged = result(EVIL, test_double=evil, written=evil) | {"notes": [EVIL]}
    judged["errors"] = [{"cell": EVIL, "kind": "added", "error": EVIL}]
    for page in (feedback.page(judged, EVIL), feedback.index([judged], {EVIL: EVIL}, EVIL)):
        assert "<script" not in page and "\x1b" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("verdict", feedback.LABELS)
def test_a_page_shows_every_verdict(verdict):
    page = feedback.page(result(test_double={"verdict": verdict, "points": 0.0, "hint": "A hint."}), "ps1")
    assert feedback.LABELS[verdict][1] in page
    assert ("A hint." in page) == (verdict != "grader error")


def test_a_page_shows_a_training_cell_that_was_paid_in_part():
    cell = next(cell for cell in cells.read(as_bytes(master())) if cell.name == "test-double")
    judged = judge.outcome(cell, "passed", "paid in part", share=0.5)
    assert judged["points"] == cell.points / 2
    shown = result(test_double=judged)
    for page in (feedback.page(shown, "ps1"), feedback.index([shown], {"jane": "jane.html"}, "ps1")):
        assert feedback.LABELS[judged["verdict"]][1] in page
    assert "paid in part" in feedback.page(shown, "ps1")


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "x.txt"
    export.write(path, "one")
    with pytest.raises(UnicodeEncodeError):
        export.write(path, "two \udc80")
    assert path.read_text() == "one" and list(path.parent.iterdir()) == [path]


class TestNbgrader:
    """Through nbgrader's own gradebook, there and back."""

    @pytest.fixture
    def database(self, tmp_path):
        pytest.importorskip("nbgrader")
        return tmp_path / "gradebook.db"

    @pytest.fixture
    def notebook(self) -> dict:
        return json.loads(as_bytes(master()))

    def test_scores_get_there_and_manual_ones_back(self, database, notebook):
        judged = [
            export.final(result("jane"), {}, {}),
            export.final(
                result("john", test_double={"verdict": "failed", "points": 0.0}),
                {},
                {"test-total": {"points": 2.5, "reason": "r"}},
            ),
        ]
        handed_in = {"jane": cells.read(as_bytes(student(written="Because."))), "john": []}
        for _ in range(2):  # a second time changes nothing
            gradebook.to_nbgrader(database, "ps1", notebook, judged, handed_in)
        with gradebook.open_book(database) as book:
            jane, john = (book.find_submission("ps1", name) for name in ("jane", "john"))
            assert (jane.score, jane.max_score, jane.needs_manual_grade) == (7, 11, True)
            assert john.score == 4.5
            assert [grade.name for grade in jane.notebooks[0].grades if grade.needs_manual_grade] == ["written"]
            book.find_grade("written", "ps1", "ps1", "jane").manual_score = 3.5
            book.find_grade("written", "ps1", "ps1", "jane").needs_manual_grade = False
            book.db.commit()
        assert gradebook.from_nbgrader(database, "ps1") == {"jane": {"written": 3.5}, "john": {"test-total": 2.5}}
        gradebook.to_nbgrader(database, "ps1", notebook, judged, handed_in)  # keeps what the person gave
        assert gradebook.from_nbgrader(database, "ps1")["jane"] == {"written": 3.5}

    def test_formgrader_sees_the_answer_and_no_hidden_test(self, database, notebook):
        changes = {"test_double": {"verdict": "failed", "points": 0.0, "hint": "A hint."}}
        judged = export.final(result(**changes, written={"answer": "Because."}), {}, {})
        handed_in = cells.read(as_bytes(student(written="Because.", double="def double(x):\n    return 7")))
        gradebook.to_nbgrader(database, "ps1", notebook, [judged], {"jane": handed_in})
        text = (database.parent / "autograded" / "jane" / "ps1" / "ps1.ipynb").read_text()
        shown = {cell["id"]: cell for cell in json.loads(text)["cells"]}
        assert (shown["written"]["source"], shown["double"]["source"]) == ("Because.", "def double(x):\n    return 7")
        assert shown["test-double"]["outputs"][0]["text"] == "failed\nA hint."
        assert "HIDDEN TESTS" not in text and hidden("")[:9] not in text.replace("\\n", "\n")
        nbformat = pytest.importorskip("nbformat")
        nbformat.validate(nbformat.reads(text, as_version=4))
