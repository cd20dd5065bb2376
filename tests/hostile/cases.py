"""What a hostile submission is, for the modules of the corpus: `CASES = {"kind": before(..), ...}`."""

from dataclasses import dataclass, field

from classroom import FULL, SHORT, student
from course import cell

from rlcourse.staff.remote import Limits

WRONG = "def double(x):\n    return 3 * x"
FAST = Limits(cell=1, test=1, spare=8)

ANY = dict.fromkeys(("total", "letter", "kept"), "passed|failed|not attempted|crashed|time limit")
ANY |= {"double": "failed|not attempted|crashed|time limit"}  # whatever happens to its own points

# What speaks in the worker's place: it finds the socket on which the judge listens.
KIT = '''import json, os, sys, threading, time
def channel():
    for name in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            if int(name) > 2 and os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                return int(name)
        except OSError:
            continue
CHANNEL = channel()
def raw(data, size=None):
    data = (len(data) if size is None else size).to_bytes(4, "big") + data
    while data:
        data = data[os.write(CHANNEL, data):]
def say(message):
    raw(json.dumps(message).encode())
def hear():
    data = b""
    size = int.from_bytes(os.read(CHANNEL, 4), "big")
    while len(data) < size:
        data += os.read(CHANNEL, size - len(data))
    return json.loads(data)
def puppet(answer, step=0):
    """Play the worker from this cell to the notebook's end."""
    say({"error": ""})
    while True:
        step += 1
        say({"step": step})
        while (order := hear()).get("step") != step:
            pass
        if "seed" in order:
            while "end" not in (request := hear()):
                say(answer(request))
            say({"ended": 0})
        elif "skip" not in order:
            say({"error": ""})
'''
# In a cell: the process from which the next student's worker is forked.
IMAGE = """import os, resource, signal
image = min(int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) > 1)
"""


@dataclass(frozen=True)
class Hostile:
    """A notebook of the tiny problem set, and what it deserves: the verdicts that differ from full marks."""

    why: str
    cells: list[dict] = field(repr=False)
    deserves: dict[str, str]  # "crashed|time limit": either of them
    limits: Limits = SHORT
    seconds: float = 10  # of the wall, at most, on a busy machine too

    def allowed(self) -> dict[str, set[str]]:
        return {name: set(verdict.split("|")) for name, verdict in (FULL | self.deserves).items()}


def deserved(changes: dict[str, str]) -> dict[str, str]:
    return {"test-" + name: verdict for name, verdict in changes.items()}


def before(source: str, why: str, limits: Limits = SHORT, seconds: float = 10, **changes: str) -> Hostile:
    """A cell of one's own before all others; `double` is wrong, all else is right."""
    cells = [cell("code", "mine", source), *student(double=WRONG)]
    return Hostile(why, cells, deserved({"double": "failed"} | changes), limits, seconds)


def inside(source: str, why: str, double: str, limits: Limits = SHORT, seconds: float = 10, **changes: str) -> Hostile:
    """What stands in the place of `double`, and the verdict on it."""
    return Hostile(why, student(double=source), deserved({"double": double} | changes), limits, seconds)


def notebook(cells: list, why: str, **changes: str) -> Hostile:
    return Hostile(why, cells, deserved(changes))
