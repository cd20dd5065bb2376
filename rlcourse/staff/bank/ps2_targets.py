"""Problem set 2: wrong versions of td_target, q_target, double_q_target and dueling_q, each with its hint."""

import torch

from rlcourse.staff.bank.ps2_cases import DOUBLE_Q_TARGET, DUELING_Q, Q_TARGET, TD_TARGET


def _kept(values, dropped):
    """Values, 0 where they are dropped."""
    return torch.where(dropped, 0.0, values)


@TD_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * next_value).detach()


@TD_TARGET.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(reward, terminated, next_value, gamma):
    return _kept(reward + gamma * next_value, terminated).detach()


@TD_TARGET.mistake("mask-the-wrong-way-round", "The next value counts where the episode goes on: 1 - d, not d.")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * _kept(next_value, ~terminated)).detach()


@TD_TARGET.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(reward, terminated, next_value, gamma):
    return (reward + _kept(next_value, terminated)).detach()


@TD_TARGET.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(reward, terminated, next_value, gamma):
    return (gamma * (reward + _kept(next_value, terminated))).detach()


@TD_TARGET.mistake(
    "gradient-flows", "The numbers are right, but the target would be bent towards the prediction: detach it."
)
def _(reward, terminated, next_value, gamma):
    return reward + gamma * _kept(next_value, terminated)


@TD_TARGET.mistake("gamma-on-the-reward-alone", "gamma belongs to what follows: the reward itself comes at once.")
def _(reward, terminated, next_value, gamma):
    return (gamma * reward + _kept(next_value, terminated)).detach()


@TD_TARGET.mistake("reward-missing", "The reward is missing: the target is r plus what follows.")
def _(reward, terminated, next_value, gamma):
    return (gamma * _kept(next_value, terminated)).detach()


@TD_TARGET.mistake("no-future-anywhere", "The value of the next state is missing: gamma V(s') where it goes on.")
def _(reward, terminated, next_value, gamma):
    return 1.0 * reward.detach()


@TD_TARGET.mistake("one-number-for-all", "Return the target of each transition [B]: the loss takes the mean.")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * _kept(next_value, terminated)).detach().mean()


@TD_TARGET.mistake("subtracts-the-future", "What follows is added to the reward.")
def _(reward, terminated, next_value, gamma):
    return (reward - gamma * _kept(next_value, terminated)).detach()


@TD_TARGET.mistake(
    "broadcasts-to-a-square", "[B, 1] beside [B] gives [B, B], each reward with each value: keep all of them [B]."
)
def _(reward, terminated, next_value, gamma):
    return (reward[:, None] + gamma * _kept(next_value, terminated)).detach()


@TD_TARGET.mistake("one-end-ends-all", "Each transition has its own end: no `if` for the whole batch, a mask [B].")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * _kept(next_value, terminated.any().expand(len(reward)))).detach()


def _best(next_q):
    """The largest action value of each state [B]."""
    return next_q.amax(1)


@Q_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _best(next_q)


@Q_TARGET.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(reward, terminated, next_q, gamma):
    return _kept(reward + gamma * _best(next_q), terminated)


@Q_TARGET.mistake("one-maximum-for-the-batch", "Each next state has its own maximum: take it along the actions, dim=1.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.max().expand(len(reward)), terminated)


@Q_TARGET.mistake("mean-instead-of-max", "Q-learning assumes the best next action: the maximum over a', not the mean.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.mean(1), terminated)


@Q_TARGET.mistake("index-instead-of-value", "argmax is the number of the best action; its value is max.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.argmax(1), terminated)


@Q_TARGET.mistake(
    "broadcasts-to-a-square", "[B] beside [B, 1] gives [B, B], each target with each reward: no keepdim here."
)
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.amax(1, keepdim=True), terminated)


@Q_TARGET.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(reward, terminated, next_q, gamma):
    return reward + _kept(_best(next_q), terminated)


@Q_TARGET.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(reward, terminated, next_q, gamma):
    return gamma * (reward + _kept(_best(next_q), terminated))


@Q_TARGET.mistake("gamma-on-the-reward-alone", "gamma belongs to what follows: the reward itself comes at once.")
def _(reward, terminated, next_q, gamma):
    return gamma * reward + _kept(_best(next_q), terminated)


@Q_TARGET.mistake("mask-the-wrong-way-round", "The next value counts where the episode goes on: 1 - d, not d.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(_best(next_q), ~terminated)


@Q_TARGET.mistake("returns-a-column", "Return [B], one target a transition: this is [B, 1], squeeze it.")
def _(reward, terminated, next_q, gamma):
    return (reward + gamma * _kept(_best(next_q), terminated))[:, None]


@Q_TARGET.mistake("sum-instead-of-max", "Q-learning takes the best next action: the maximum over a', not the sum.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.sum(1), terminated)


@Q_TARGET.mistake("minimum-instead-of-maximum", "Q-learning takes the best next action: the maximum.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(next_q.amin(1), terminated)


@Q_TARGET.mistake("no-maximum", "One target a transition [B]: take the maximum over the actions first.")
def _(reward, terminated, next_q, gamma):
    discount = torch.as_tensor(gamma).expand(len(reward))
    return reward[:, None] + discount[:, None] * _kept(next_q, terminated[:, None])


@Q_TARGET.mistake("mask-bracket-misplaced", "A bracket is misplaced: (1 - d) times the maximum, not 1 - d times it.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * (1 - _kept(_best(next_q), ~terminated))


@Q_TARGET.mistake("one-end-ends-all", "Each transition has its own end: no `if` for the whole batch, a mask [B].")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _kept(_best(next_q), terminated.any().expand(len(reward)))


def _of(q, action):
    """The value [B] of one action in each state."""
    return q[torch.arange(len(q)), action]


@DOUBLE_Q_TARGET.mistake("networks-swapped", "The online network chooses the action, the target network values it.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_of(next_q_online, next_q.argmax(1)), terminated)


@DOUBLE_Q_TARGET.mistake(
    "max-of-the-target-network", "That is plain DQN: here the online network chooses which action to value."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_best(next_q), terminated)


@DOUBLE_Q_TARGET.mistake(
    "max-of-the-online-network", "The online network only chooses: the value is the target network's."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_best(next_q_online), terminated)


@DOUBLE_Q_TARGET.mistake("minimum-of-both", "That is TD3: double DQN takes the target's value of the online's choice.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(torch.minimum(_best(next_q), _best(next_q_online)), terminated)


@DOUBLE_Q_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _of(next_q, next_q_online.argmax(1))


@DOUBLE_Q_TARGET.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + _kept(_of(next_q, next_q_online.argmax(1)), terminated)


@DOUBLE_Q_TARGET.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return _kept(reward + gamma * _of(next_q, next_q_online.argmax(1)), terminated)


@DOUBLE_Q_TARGET.mistake("mask-the-wrong-way-round", "The next value counts where the episode goes on: 1 - d, not d.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_of(next_q, next_q_online.argmax(1)), ~terminated)


@DOUBLE_Q_TARGET.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return gamma * (reward + _kept(_of(next_q, next_q_online.argmax(1)), terminated))


@DOUBLE_Q_TARGET.mistake(
    "broadcasts-to-a-square", "[B] beside [B, 1] gives [B, B], each target with each reward: squeeze what gather gives."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_of(next_q, next_q_online.argmax(1))[:, None], terminated)


@DOUBLE_Q_TARGET.mistake("returns-a-column", "Return [B], one target a transition: this is [B, 1], squeeze it.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return (reward + gamma * _kept(_of(next_q, next_q_online.argmax(1)), terminated))[:, None]


@DOUBLE_Q_TARGET.mistake(
    "every-choice-for-every-row", "next_q[:, a] is [B, B]: take one action a row, next_q[torch.arange(B), a]."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(next_q[:, next_q_online.argmax(1)], terminated)


@DOUBLE_Q_TARGET.mistake("index-instead-of-value", "argmax is the number of the action: its value is next_q's, there.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(next_q_online.argmax(1), terminated)


@DOUBLE_Q_TARGET.mistake("mean-of-both", "One network chooses and the other values: no mean of the two.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_best((next_q + next_q_online) / 2), terminated)


@DOUBLE_Q_TARGET.mistake(
    "minimum-of-each-action", "That is TD3's caution: here one network chooses and the other values, no minimum."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _kept(_best(torch.minimum(next_q, next_q_online)), terminated)


@DUELING_Q.mistake("no-centring", "V + A is not centred: subtract the mean advantage of the state.")
def _(value, advantage):
    return torch.add(value, advantage)  # written so that a lecture may show a plain sum


@DUELING_Q.mistake("centred-by-the-maximum", "That is the paper's equation 8: here the mean is subtracted, equation 9.")
def _(value, advantage):
    return value + (advantage - advantage.amax(1, keepdim=True))


@DUELING_Q.mistake(
    "mean-over-the-batch", "Each state has its own mean: take it along the actions (dim=1), not over everything."
)
def _(value, advantage):
    return value + (advantage - advantage.mean())


@DUELING_Q.mistake("mean-of-each-action", "The mean is over the actions of one state: dim=1, not dim=0.")
def _(value, advantage):
    return value + (advantage - advantage.mean(0))


@DUELING_Q.mistake("adds-the-mean", "The mean advantage is subtracted: the mean of Q over the actions is V.")
def _(value, advantage):
    return value + (advantage + advantage.mean(1, keepdim=True))


@DUELING_Q.mistake("cuts-the-gradient", "The numbers are right, but the network could not learn: no detach here.")
def _(value, advantage):
    return (value + (advantage - advantage.mean(1, keepdim=True))).detach()


@DUELING_Q.mistake("sum-instead-of-mean", "Subtract the mean advantage: the sum is |A| times too much.")
def _(value, advantage):
    return value + (advantage - advantage.sum(1, keepdim=True))


@DUELING_Q.mistake("standardised", "Subtract the mean, and no more: do not divide by the standard deviation.")
def _(value, advantage):
    centred = advantage - advantage.mean(1, keepdim=True)
    spread = (centred.square().sum(1, keepdim=True) / (advantage.shape[1] - 1)).sqrt()  # NaN of one action
    return value + centred / (spread + 1e-8)


@DUELING_Q.mistake("advantage-subtracted", "Q is V plus the centred advantage: here it has the other sign.")
def _(value, advantage):
    return value - (advantage - advantage.mean(1, keepdim=True))


@DUELING_Q.mistake("value-missing", "The value is lost: Q is V plus what is left of A after subtracting A's mean.")
def _(value, advantage):
    return advantage - advantage.mean(1, keepdim=True)


@DUELING_Q.mistake(
    "no-gradient-through-the-mean", "The numbers are right, but the mean has a gradient too: no detach, no no_grad."
)
def _(value, advantage):
    return value + (advantage - advantage.mean(1, keepdim=True).detach())
