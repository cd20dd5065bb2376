"""Replies that no worker sends, at the cells and at the tests."""

from cases import ANY, FAST, KIT, before, inside

GONE = "the message is not of the protocol: this cell is left out, the others count"


def at_a_cell(source: str, why: str = GONE, **changes):
    return before(KIT + source, why, **changes)


def at_a_test(source: str, verdict: str, why: str = "its own answer, whatever it says", **changes):
    """`source` stands in the body of double(x)."""
    body = "".join(f"    {line}\n" for line in source.splitlines())
    return inside(f"{KIT}def double(x):\n{body}    return 3 * x", why, verdict, **changes)


NOTHING = dict.fromkeys(("double", "total", "letter", "kept"), "failed|not attempted|crashed|time limit")


def plays(answer: str, why: str, **changes):
    """Plays the worker from the first cell on."""
    return before(f"{KIT}puppet(lambda request: {answer})", why, limits=FAST, **NOTHING | changes)


CASES = {
    # before the tests
    "two errors for one cell": at_a_cell('say({"error": "mine"})'),
    "an error that is a number": at_a_cell('say({"error": 5})'),
    "an error that is nothing": at_a_cell('say({"error": None})'),
    "no error at all": at_a_cell("say({})"),
    "an error of 15 MB": at_a_cell('say({"error": "x" * 15_000_000})'),
    "an error with half a letter": at_a_cell('say({"error": "\\ud800 <script> \\x00"})'),
    "a list": at_a_cell('say(["error", ""])'),
    "ready": at_a_cell('say({"ready": ["/course"]})'),
    "ready with the library": at_a_cell('say({"ready": ["/course", "/usr"]})'),
    "the next step": at_a_cell('say({"step": 1})'),
    "the last step": at_a_cell('say({"step": 99})'),
    "a step before the first": at_a_cell('say({"step": -1})'),
    "a step that is no number": at_a_cell('say({"step": "1"})'),
    "an end": at_a_cell('say({"ended": 0})'),
    "a value": at_a_cell('say({"value": 1})'),
    "the judge's own order": at_a_cell('say({"step": 1, "seed": 0, "seconds": 1e9})'),
    "imports": at_a_cell('say({"imports": ["rlcourse.staff.judge"]})'),
    "steps and limits": at_a_cell('say({"limits": {}, "steps": []})'),
    "no JSON": at_a_cell('raw(b"hello")'),
    "a number of 10,000 digits": at_a_cell('raw(b"1" * 10_000)'),
    "not UTF-8": at_a_cell('raw(b"\\xff\\xfe")'),
    "an empty message": at_a_cell('raw(b"")'),
    "15 MB of brackets": at_a_cell('raw(b"[" * 15_000_000)'),
    "15 MB of pairs": at_a_cell('raw(b"[" + b"[],[]," * 2_500_000 + b"1]")', seconds=40),
    "4 GB announced": at_a_cell('raw(b"x", 2**32 - 1)'),
    "a message that stops in the middle": at_a_cell('raw(b"{", 1000)\ntime.sleep(99)', limits=FAST),
    "a message that comes in drops": at_a_cell(
        "os.write(CHANNEL, (1000).to_bytes(4, 'big'))\nwhile True:\n    os.write(CHANNEL, b' ')\n    time.sleep(0.2)",
        limits=FAST,
    ),
    "a flood": at_a_cell('while True:\n    say({"step": 1})', limits=FAST),
    "the line closed": at_a_cell("os.close(CHANNEL)"),
    "the line shut": at_a_cell("import socket\nsocket.socket(fileno=CHANNEL).shutdown(2)"),
    "the line does not block": at_a_cell("os.set_blocking(CHANNEL, False)", "its own loss", limits=FAST, **ANY),
    "all files closed": at_a_cell("os.closerange(0, 256)"),
    "another process listens in": at_a_cell(
        "if os.fork() == 0:\n    os.setsid()\n    while os.read(CHANNEL, 65536):\n        pass",
        "who takes the judge's questions gets no answers through",
        limits=FAST,
        seconds=60,
        **NOTHING,
    ),
    "another process talks": at_a_cell(
        'if os.fork() == 0:\n    os.setsid()\n    while True:\n        say({"value": 6.0})\n        time.sleep(0.01)',
        limits=FAST,
        seconds=60,
        **ANY,
    ),
    # at the tests
    "an answer left for the next question": at_a_test('say({"value": 1.0})\nsay({"value": 2.0})', "failed"),
    "an answer and the end": at_a_test('say({"value": 6.0})\nsay({"ended": 0})', "crashed|failed"),
    "the end and the next step": at_a_test('say({"ended": 0})\nsay({"step": 4})\ntime.sleep(99)', "crashed"),
    "the end and an error in the next cell": at_a_test(
        'say({"ended": 0})\nsay({"step": 3})\nhear()\nsay({"error": "the set-up failed"})',
        "crashed",
        limits=FAST,
        total="passed|not attempted",
        kept="passed|not attempted",
    ),
    "nothing known": at_a_test("say({})", "failed"),
    "a right answer's twin": at_a_test('say({"value": 2, "stub": True})', "not attempted"),
    "a stub": at_a_test('say({"stub": 1})', "not attempted"),
    "a missing name of 10 MB": at_a_test('say({"missing": ["x"] * 2_000_000})', "not attempted|time limit"),
    "an exception of 10 MB": at_a_test('say({"raised": "x" * 10_000_000})', "failed|time limit"),
    "an exception that is a list": at_a_test('say({"raised": [[1], {}]})', "failed"),
    "empty": at_a_test('say({"empty": True})', "not attempted"),
    "a passed verdict": at_a_test('say({"verdict": "passed", "points": 2})', "failed"),
    "a cell's error": at_a_test('say({"error": ""})', "failed"),
    "drops in a test": at_a_test(
        "os.write(CHANNEL, (99).to_bytes(4, 'big'))\nwhile True:\n    os.write(CHANNEL, b' ')\n    time.sleep(.3)",
        "time limit",
    ),
    # the whole notebook
    "plays the worker: nonsense": plays(
        '{"value": {"array": [1], "dtype": "float64", "shape": [1]}}', "all is wrong", kept="passed|failed"
    ),
    "plays the worker: kept": plays('{"value": True}', "it may claim what a scenario observed", kept="passed"),
    "plays the worker: not a word": plays("time.sleep(99)", "no answer"),
    "plays the worker: fails": plays("1 / 0", "it ends in the middle"),
    "plays the worker: stubs": plays('{"stub": True}', "nothing attempted"),
    "plays the worker: always late": plays('time.sleep(0.8) or {"value": 0}', "time passes on"),
}
SLOW = {"15 MB of pairs", "another process listens in", "another process talks", "a flood", "the line does not block"}
