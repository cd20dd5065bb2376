"""Problem set 2: the public cases. How the hidden ones are drawn is in ps2_draws.py, the wrong versions in ps2.py."""

import torch
from torch import Tensor

from rlcourse.functional import replay, returns, targets
from rlcourse.staff.bank import Case, Entry, keeps_arguments
from rlcourse.staff.bank import ps2_draws as draws
from rlcourse.staff.bank.drawing import behind_an_end, numbers


def _flags(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


# td_target


_REWARD, _VALUE, _ENDS = numbers(1, -0.5, 2, 0.25), numbers(2, 4, -1, 8), _flags(0, 1, 0, 1)

TD_TARGET = Entry(
    targets.td_target,
    "td_target(reward, terminated, next_value, gamma)",
    (
        Case("four steps inside episodes", (_REWARD, draws.none(4), _VALUE, 0.5)),
        Case("gamma 0.9", (_REWARD, draws.none(4), _VALUE, 0.9)),
        Case("gamma 1: no discount", (_REWARD, draws.none(4), _VALUE, 1.0)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _VALUE, 0.5), "edges"),
        Case("every step ends its episode", (_REWARD, ~draws.none(4), _VALUE, 0.9), "edges"),
        Case("gamma 0: only the reward counts", (_REWARD, _ENDS, _VALUE, 0.0), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _VALUE, numbers(0.5, 0.25, 0.125, 0.5)), "edges"),
        Case("one transition", (_REWARD[:1], draws.none(1), _VALUE[:1], 0.5), "edges"),
        behind_an_end(_REWARD, _ENDS, numbers(2, torch.inf, -1, -torch.inf), 0.5),
        draws.td_gradient(_REWARD, _ENDS, _VALUE, 0.9),
        keeps_arguments(_REWARD, _ENDS, _VALUE, 0.9),
    ),
    draws.draw_td_target,
)


# q_target


_NEXT_Q = numbers((1, 2, -1), (0.5, -0.5, 0), (4, -2, 1), (-3, -1, 2))
_BELOW_0 = _NEXT_Q - 8
_GAMMAS = numbers(0.5, 0.25, 0.125, 0.5)

Q_TARGET = Entry(
    targets.q_target,
    "q_target(reward, terminated, next_q, gamma)",
    (
        Case("four steps, three actions", (_REWARD, draws.none(4), _NEXT_Q, 0.5)),
        Case("as many actions as steps", (_REWARD[:3], draws.none(3), _NEXT_Q[:3], 0.9)),
        Case("action values below 0", (_REWARD, draws.none(4), _BELOW_0, 0.9)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _NEXT_Q, 0.5), "edges"),
        Case("an end before action values below 0", (_REWARD, _ENDS, _BELOW_0, 0.9), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _NEXT_Q, _GAMMAS), "edges"),
        Case("one transition", (_REWARD[:1], draws.none(1), _NEXT_Q[2:3], 0.5), "edges"),
        Case("one action only", (_REWARD, _ENDS, _NEXT_Q[:, :1], 0.5), "edges"),
        behind_an_end(_REWARD, _ENDS, torch.where(_ENDS[:, None], torch.inf, _NEXT_Q), 0.5),
        keeps_arguments(_REWARD, _ENDS, _NEXT_Q, 0.9),
    ),
    draws.draw_q_target,
)


# double_q_target


_ONLINE = numbers((3, 1, 0), (-1, 2, 1), (0, 5, -4), (1, -2, -3))

DOUBLE_Q_TARGET = Entry(
    targets.double_q_target,
    "double_q_target(reward, terminated, next_q, next_q_online, gamma)",
    (
        Case("four steps, three actions", (_REWARD, draws.none(4), _NEXT_Q, _ONLINE, 0.5)),
        Case("gamma 0.9", (_REWARD, draws.none(4), _NEXT_Q, _ONLINE, 0.9)),
        Case("action values below 0", (_REWARD, draws.none(4), _BELOW_0, _ONLINE - 20, 0.9)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _NEXT_Q, _ONLINE, 0.5), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _NEXT_Q, _ONLINE, _GAMMAS), "edges"),
        Case("both networks agree", (_REWARD, draws.none(4), _NEXT_Q, 2 * _NEXT_Q, 0.5), "edges"),
        Case("one transition", (_REWARD[:1], draws.none(1), _NEXT_Q[:1], _ONLINE[:1], 0.5), "edges"),
        behind_an_end(_REWARD, _ENDS, torch.where(_ENDS[:, None], torch.inf, _NEXT_Q), _ONLINE, 0.5),
        keeps_arguments(_REWARD, _ENDS, _NEXT_Q, _ONLINE, 0.9),
    ),
    draws.draw_double_q_target,
)


# dueling_q


_V = numbers((1,), (-2,), (0.5,), (4,))
_ADVANTAGE = numbers((1, 2, 6), (0.5, -0.5, -3), (4, -2, 1), (-3, -1, 2.5))

DUELING_Q = Entry(
    targets.dueling_q,
    "dueling_q(value, advantage)",
    (
        Case("four states, three actions", (_V, _ADVANTAGE)),
        Case("as many actions as states", (_V[:3], _ADVANTAGE[:3])),
        Case("two actions", (_V, _ADVANTAGE[:, :2])),
        Case("advantages with a constant added: the same Q", (_V, _ADVANTAGE + 100), "edges"),
        Case("one state", (_V[:1], _ADVANTAGE[:1]), "edges"),
        Case("one action: Q is V", (_V, _ADVANTAGE[:, :1]), "edges"),
        draws.dueling_gradient(0, _V, _ADVANTAGE),
        draws.dueling_gradient(1, _V, _ADVANTAGE),
        keeps_arguments(_V, _ADVANTAGE),
    ),
    draws.draw_dueling_q,
)


# huber_loss


_ERRORS = numbers(0.5, -0.25, 3, -4, 0, 0.75)

HUBER_LOSS = Entry(
    targets.huber_loss,
    "huber_loss(td_error, delta)",
    (
        Case("small and large errors, delta 1", (_ERRORS, 1.0)),
        Case("delta 2", (_ERRORS, 2.0)),
        Case("delta 0.5", (_ERRORS, 0.5)),
        Case("delta left out: it is 1", (_ERRORS,), "edges"),
        Case("errors of delta exactly", (numbers(2, -2, 2.25, -1.75), 2.0), "edges"),
        Case("a huge error", (numbers(1e4, -1e4, 1), 0.5), "edges"),
        draws.huber_gradient(_ERRORS, 2.0),
        Case("one error", (_ERRORS[2:3], 2.0), "edges"),
        keeps_arguments(_ERRORS, 1.0),
    ),
    draws.draw_huber_loss,
)


# priority


PRIORITY = Entry(
    replay.priority,
    "priority(td_error, alpha, eps)",
    (
        Case("four errors, alpha 1/2", (numbers(3.75, -0.75, 0.75, -8.75), 0.5, 0.25)),
        Case("alpha 0.6", (numbers(2, -1, 0.5), 0.6, 0.1)),
        Case("alpha 1: in proportion to the error", (numbers(2, -1, 0.5), 1.0, 0.5)),
        Case("alpha 0: all alike", (numbers(2, -1, 0.5), 0.0, 0.1), "edges"),
        Case("no error at all", (numbers(0, 0, 1), 0.5, 0.25), "edges"),
        Case("eps 0", (numbers(4, -9, 0), 0.5, 0.0), "edges"),
        Case("one error", (numbers(-2), 0.6, 0.1), "edges"),
        keeps_arguments(numbers(2, -1, 0.5), 0.6, 0.1),
    ),
    draws.draw_priority,
)


# importance_weights


_PROBABILITIES = torch.tensor([0.25, 0.04, 0.01, 0.16], dtype=torch.float64)

IMPORTANCE_WEIGHTS = Entry(
    replay.importance_weights,
    "importance_weights(probabilities, buffer_size, beta)",
    (
        Case("four transitions, beta 1/2", (_PROBABILITIES, 100, 0.5)),
        Case("beta 0.4", (_PROBABILITIES, 50, 0.4)),
        Case("probabilities that are nearly alike", (torch.tensor([0.1, 0.11, 0.09]), 10, 0.7)),
        Case("beta 1: all is made up for", (_PROBABILITIES, 100, 1.0), "edges"),
        Case("beta 0: no correction", (_PROBABILITIES, 100, 0.0), "edges"),
        Case("one transition", (_PROBABILITIES[:1], 100, 0.5), "edges"),
        keeps_arguments(_PROBABILITIES, 100, 0.5),
    ),
    draws.draw_importance_weights,
)


# n_step_returns


_REWARDS = numbers((1, 0.5), (-1, 2), (0.5, -0.5), (2, 1), (-0.5, 4))
_VALUES = numbers((4, 8), (6, -4), (2, 10), (8, 12), (16, 6))
_NEVER = draws.ending_at(5, 2)
_INSIDE, _LATE = draws.ending_at(5, 2, (1, 0), (3, 1)), draws.ending_at(5, 2, (2, 1))

N_STEP_RETURNS = Entry(
    returns.n_step_returns,
    "n_step_returns(rewards, next_values, terminated, truncated, gamma, n)",
    (
        Case("five steps of two environments, n = 2", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 2)),
        Case("n = 3, gamma 0.9", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.9, 3)),
        Case("n = 4", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 4)),
        Case("n = 1: the one-step target", (_REWARDS, _VALUES, _INSIDE, _LATE, 0.5, 1), "edges"),
        Case("episodes that end inside", (_REWARDS, _VALUES, _INSIDE, _NEVER, 0.5, 3), "edges"),
        Case("episodes that are cut off inside", (_REWARDS, _VALUES, _NEVER, _INSIDE, 0.5, 3), "edges"),
        Case("one that ends and one that is cut off", (_REWARDS, _VALUES, _INSIDE, _LATE, 0.9, 2), "edges"),
        Case("more steps than there are", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 7), "edges"),
        Case("both flags at once: it has ended", (_REWARDS, _VALUES, _INSIDE, _INSIDE, 0.5, 3), "edges"),
        Case(
            "one step of one environment",
            (_REWARDS[:1, :1], _VALUES[:1, :1], _NEVER[:1, :1], _NEVER[:1, :1], 0.5, 2),
            "edges",
        ),
        behind_an_end(_REWARDS, torch.where(_INSIDE, torch.inf, _VALUES), _INSIDE, _LATE, 0.5, 3),
        keeps_arguments(_REWARDS, _VALUES, _INSIDE, _LATE, 0.5, 3),
    ),
    draws.draw_n_step_returns,
)


# categorical_projection


_SUPPORT = torch.linspace(-2, 2, 5)
_PROBS = numbers((0.25, 0.25, 0.125, 0.125, 0.25), (0.5, 0.125, 0.125, 0.125, 0.125), (0.125, 0.125, 0.5, 0.125, 0.125))
_R3, _ENDS3 = numbers(0.25, -0.75, 0.5), _flags(0, 1, 0)

CATEGORICAL_PROJECTION = Entry(
    targets.categorical_projection,
    "categorical_projection(next_probs, reward, terminated, gamma, support)",
    (
        Case("three distributions over five atoms", (_PROBS, _R3, draws.none(3), 0.5, _SUPPORT)),
        Case("gamma 0.6", (_PROBS, _R3, draws.none(3), 0.6, _SUPPORT)),
        Case("a support that is not centred", (_PROBS, _R3 + 3, draws.none(3), 0.5, torch.linspace(0, 10, 5))),
        Case("the second step ends its episode", (_PROBS, _R3, _ENDS3, 0.5, _SUPPORT), "edges"),
        Case("atoms that land on atoms", (_PROBS, numbers(0, 1, -1), _flags(0, 1, 1), 0.5, _SUPPORT), "edges"),
        Case("gamma 1 and no reward: nothing moves", (_PROBS, numbers(0, 0, 0), draws.none(3), 1.0, _SUPPORT), "edges"),
        Case("returns beyond the support", (_PROBS, numbers(3, -3, 1.25), draws.none(3), 0.9, _SUPPORT), "edges"),
        Case("a discount for each transition", (_PROBS, _R3, _ENDS3, _GAMMAS[:3], _SUPPORT), "edges"),
        Case(
            "two atoms, one transition", (numbers((0.25, 0.75)), _R3[:1], draws.none(1), 0.5, numbers(-1, 1)), "edges"
        ),
        keeps_arguments(_PROBS, _R3, _ENDS3, 0.5, _SUPPORT),
    ),
    draws.draw_categorical_projection,
)
