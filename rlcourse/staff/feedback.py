"""A student's feedback page, and the overview for the grader. Everything in them is escaped: it is students' text."""

import html
import re
import statistics
from typing import Any

from rlcourse.staff.export import number, status

CONTROL = re.compile(r"\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f]")
LABELS = {
    "passed": ("✓", "correct"),
    "passed in part": ("◐", "correct, and paid in the share in which the functions that it calls are right"),
    "failed": ("✗", "not correct"),
    "not attempted": ("–", "not attempted"),
    "time limit": ("…", "took too long"),
    "crashed": ("✗", "crashed"),
    "manual": ("✎", "to be graded by a person"),
    "grader error": ("!", "a fault of the test, not yours; it will be graded again"),
}
STYLE = """
:root { color-scheme: light dark; --line: #8886; --good: #1a7f37; --bad: #c4320a; --open: #6e6e6e; --soft: #8881 }
@media (prefers-color-scheme: dark) { :root { --good: #4cc26c; --bad: #ff8a65; --open: #aaa } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.05rem; margin: 0; font-family: ui-monospace, monospace }
.score { font-size: 2.2rem; font-weight: 700; margin: .3rem 0 1rem }
.score small { font-size: 1rem; font-weight: 400; color: var(--open) }
section { border: 1px solid var(--line); border-left: .4rem solid var(--open); border-radius: .4rem;
  padding: .6rem 1rem; margin: .7rem 0 }
section.passed, section.passed-in-part { border-left-color: var(--good) }
section.failed, section.crashed, section.time-limit {
  border-left-color: var(--bad) }
header { display: flex; justify-content: space-between; gap: 1rem; align-items: baseline; flex-wrap: wrap }
.points { font-weight: 700; white-space: nowrap } .passed .verdict { color: var(--good) }
.failed .verdict, .crashed .verdict, .time-limit .verdict { color: var(--bad) } .verdict { font-weight: 600 }
.hint { margin: .4rem 0 0 } pre { background: var(--soft); padding: .6rem; border-radius: .3rem; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0 0; font-size: .9rem }
table { border-collapse: collapse; width: 100% } th, td { text-align: left; padding: .35rem .6rem;
  border-bottom: 1px solid var(--line); vertical-align: top } td.n, th.n { text-align: right }
.wide { overflow-x: auto } .note { color: var(--open) }
"""


def escape(text: str) -> str:
    """Text for a page: no markup, no control characters."""
    return html.escape(CONTROL.sub("", str(text)))


def document(title: str, body: str) -> str:
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )


def page(result: dict[str, Any], title: str) -> str:
    """One student's feedback: the score, then every graded cell with its outcome, hint and points."""
    missing = [cell for cell in result["cells"] if cell["verdict"] == "manual" and cell["points"] is None]
    to_come = f" · {number(sum(cell['max'] for cell in missing))} of them graded by a person later" if missing else ""
    score = "not graded yet" if result["score"] is None else number(result["score"])
    parts = [
        f"<h1>{escape(title)}</h1><div>{escape(result['student'])}</div>",
        f'<p class="score">{score} <small>of {number(result["max"])} points{to_come}</small></p>',
    ]
    if result["notes"] and result["state"] != "grader error":
        parts.append("<ul>" + "".join(f"<li>{escape(note)}</li>" for note in result["notes"]) + "</ul>")
    parts += [section(cell) for cell in result["cells"]]
    if result.get("errors"):
        parts.append(
            "<h1>Errors when your notebook ran</h1><p>From top to bottom, once. The cells behind still ran.</p>"
        )
        parts += [
            f"<section class=failed><h2>{escape(error['cell'])}</h2><pre>{escape(error['error'])}</pre></section>"
            for error in result["errors"]
        ]
    return document(f"{title}: {result['student']}", "\n".join(parts))


def section(cell: dict[str, Any]) -> str:
    """One graded cell."""
    mark, label = LABELS[cell["verdict"]]
    kind = cell["verdict"]
    if cell.get("by_hand") or cell.get("overridden"):
        kind, mark, label = "manual", "✎", "graded by a person"
    points = f"{number(cell['points']) or '–'} / {number(cell['max'])}"
    parts = [
        f"<header><h2>{escape(cell['cell'])}</h2><span class=verdict>{mark} {label}</span>"
        f"<span class=points>{points}</span></header>"
    ]
    if cell.get("overridden"):
        parts.append(f"<p class=hint>Points given by hand: {escape(cell['overridden'])}</p>")
    if cell["hint"] and cell["verdict"] != "grader error":  # that one's text is for the grader
        parts.append(f"<p class=hint>{escape(cell['hint'])}</p>")
    if cell["public"].strip():
        parts.append(f"<pre>{escape(cell['public'].strip())}</pre>")
    if cell["verdict"] == "manual":
        parts.append(f"<pre>{escape(cell['answer'].strip() or '(not answered)')}</pre>")
    return f'<section class="{kind.replace(" ", "-")}">{"".join(parts)}</section>'


def index(results: list[dict[str, Any]], files: dict[str, str], title: str) -> str:
    """The grader's overview: a row a student, and what needs a person's eye."""
    rows = []
    for result in results:
        hints = [f"{c['cell']}: {c['hint'].strip()}" for c in result["cells"] if c["verdict"] == "grader error"]
        verdicts = " ".join(
            f'<span title="{escape(c["cell"])}: {LABELS[c["verdict"]][1]}">{LABELS[c["verdict"]][0]}</span>'
            for c in result["cells"]
        )
        rows.append(
            f'<tr><td><a href="{escape(files[result["student"]])}">{escape(result["student"])}</a></td>'
            f"<td class=n>{number(result['score'])}</td><td class=n>{number(result['max'])}</td><td>{verdicts}</td>"
            f"<td>{escape(status(result))}</td><td class=note>{escape('; '.join(result['notes']))}"
            f"{''.join(f'<pre>{escape(hint)}</pre>' for hint in hints)}</td></tr>"
        )
    scores = [result["score"] for result in results if result["score"] is not None]
    middle = f", median {number(statistics.median(scores))}" if scores else ""
    head = "<th>student<th class=n>score<th class=n>of<th>cells<th>status<th>notes"
    return document(
        title,
        f"<h1>{escape(title)}</h1><p>{len(results)} submissions{middle}</p>"
        f"<div class=wide><table><tr>{head}</tr>{''.join(rows)}</table></div>",
    )
