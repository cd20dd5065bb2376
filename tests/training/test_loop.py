"""The training loop: steps are counted, evaluations come when they are due, and a NaN leaves the best policy."""

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.dqn import DQN, Config
from rlcourse.contracts.settings import Count, Settings
from rlcourse.parts.seeds import Seeds
from rlcourse.training.loop import Diverged, evaluate, train
from rlcourse.worlds.probes import Probe


class Still:
    """Pushes CartPole one way, so that it falls soon."""

    class Config(Settings):
        total_steps: Count = 100
        n_envs: Count = 4

    env, config, greedy_network = "CartPole-v1", Config(), torch.nn.Module()

    def __init__(self):
        self.seeds, self.steps, self.seen, self.begun = Seeds(0, 2), 0, 0, 0

    def begin(self):
        self.begun += 1

    def act(self, obs):
        return np.zeros(len(obs), int)

    greedy = act

    def observe(self, step):
        self.seen += step.reward.size


def test_training_counts_every_environments_steps_and_evaluates_at_the_end():
    agent = Still()
    result = train(agent, evaluations=3, episodes=2)
    assert agent.seen == 2 * 100 and agent.steps == 100 and agent.begun == 1
    assert result.steps.tolist() == [36, 68, 100] and result.returns.shape == (2, 3)
    assert all(8 <= value <= 11 for of_seed in result.finished for value in of_seed)
    assert all(of_seed for of_seed in result.finished)
    with pytest.raises(ValueError, match="steps: got none with 100 done, expected at most 0"):
        train(agent)


def test_fewer_steps_than_environments_are_refused():
    with pytest.raises(ValueError, match="steps: got 3, expected at least 4"):
        train(Still(), steps=3)


@pytest.mark.parametrize("evaluations, steps", [(0, []), (1, [100]), (2, [52, 100]), (1000, list(range(4, 101, 4)))])
def test_marks_and_returns_have_one_length(evaluations, steps):
    looked = []
    result = train(Still(), evaluations=evaluations, episodes=1, after=looked.append)
    assert result.steps.tolist() == steps and result.returns.shape == (2, len(steps))
    assert looked == (steps or [100])


class Breaks(Probe):
    """Pays NaN from step 60 on."""

    def __init__(self):
        super().__init__("action matters")
        self.taken = 0

    def step(self, action):
        self.taken += 1
        obs, reward, *rest = super().step(action)
        return obs, reward if self.taken < 60 else float("nan"), *rest


@pytest.mark.parametrize("evaluations, kept", [(60, True), (1, False)])
def test_a_gradient_that_becomes_nan_leaves_the_best_policy_and_says_where(evaluations, kept):
    agent = DQN(Breaks, 1, 3, Config(total_steps=120, hidden=(16,), warm_up=50, batch_size=16))
    with pytest.raises(Diverged, match="the gradient of seed 3 is NaN or infinite at step") as error:
        train(agent, evaluations=evaluations, episodes=1)
    assert error.value.kept == kept == ("the agent holds the best policies before it" in str(error.value))
    assert all(torch.isfinite(weights).all() for weights in agent.online.state_dict().values())


def test_where_nobody_is_strict_a_diverged_seed_stands_still():
    agent = DQN(Breaks, 2, 0, Config(total_steps=120, hidden=(16,), warm_up=50, batch_size=16))
    result = train(agent, evaluations=2, episodes=1, strict=False)
    assert sorted(result.diverged) == [0, 1] and all(60 <= step <= 120 for step in result.diverged.values())
    assert np.isfinite(result.returns).all()


def test_an_episode_without_an_end_is_named():
    with pytest.raises(ValueError, match="env: got an episode that has not ended after 50 steps"):
        evaluate(Still(), lambda: gymnasium.make("MountainCar-v0"), 1, max_steps=50)
