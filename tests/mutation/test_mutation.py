"""Every small change to a right body is noticed: by the public cases, or by the hidden ones of three seeds.

What changes no behaviour is listed, with the reason, in survivors_ps1.toml .. beside this file. A mutant that raises
on every case proves nothing and is not counted.
"""

import pytest
import torch
from mutants import Questions, bodies, mutants, survivors_with_reasons

from rlcourse.staff.bank import bank

torch.set_num_threads(1)


@pytest.mark.slow
@pytest.mark.parametrize("key", ("ps1", "ps2", "ps3", "ps4", "ps5"))
def test_mutants_are_killed(key, capsys):
    explained = survivors_with_reasons(key)
    rows, unexplained, stale, killed = [], [], [], 0
    for name in bank(key):
        questions, reasons = Questions(name), explained.get(name, {})
        for whose, (source, namespace) in bodies(name).items():
            verdicts = [(mutant, questions.verdict(mutant.function)) for mutant in mutants(source, namespace, name)]
            dead = [mutant.line for mutant, verdict in verdicts if verdict == "killed"]
            alive = [mutant.line for mutant, verdict in verdicts if verdict == "survived"]
            alike = [line for line in alive if line in reasons]
            unexplained += [f"{name} ({whose}): {line}" for line in alive if line not in reasons]
            stale += [f"{name} ({whose}): {line}" for line in dead if line in reasons]
            killed += len(dead)
            counts = f"{len(dead):4} killed {len(alive) - len(alike):3} not {len(alike):3} alike"
            rows.append(f"{name:27} {whose:9} {counts}")
    share = killed / (killed + len(unexplained))
    with capsys.disabled():
        print(f"\n{key}: {killed} of {killed + len(unexplained)} killed, {share:.1%}", *rows, *unexplained, sep="\n")
    assert share >= 0.95
    assert not stale, "listed as alike, but killed"


def test_mutants_differ_in_one_place():
    found = list(mutants("def double(x):\n    return 2 * x", {}, "double"))
    assert {"return 3 * x", "return 1 * x", "return 2 + x", "return 2 ** x"} <= {mutant.line for mutant in found}
    assert next(mutant for mutant in found if mutant.line == "return 2 + x").function(5) == 7


def test_verdicts():
    (source, namespace), _ = bodies("huber_loss").values()
    questions = Questions("huber_loss")

    def never_ends(td_error, delta=1.0):
        while True:
            pass

    def is_broken(td_error, delta=1.0):
        raise ValueError

    exec(source, namespace)
    assert questions.verdict(namespace["huber_loss"]) == "survived"
    assert questions.verdict(lambda td_error, delta=1.0: td_error**2 / 2) == "killed"
    assert questions.verdict(is_broken) == "broken"
    questions.pairs = questions.pairs[:1]
    assert questions.verdict(never_ends) == "killed"
