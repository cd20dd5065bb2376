"""A run is K seeds: seed 3 of 8 follows that seed alone. One row an agent.

Products of eight seeds round otherwise than those of one. With priorities a difference of 1e-7 sooner or later draws
another transition, and from there on the two runs part: 1,000 steps are about as far as that can be looked at.
"""

import pytest
import torch

from rlcourse.agents import a2c, dqn, rainbow, reinforce
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = {"total_steps": 1000, "warm_up": 100, "hidden": (32,), "batch_size": 16, "capacity": 1000, "gamma": 0.5}
TRICKS = {"double": True, "dueling": True, "prioritized": True, "n_steps": 3, "anneal": True, "tau": 0.05}
AGENTS = {
    "dqn": (dqn.DQN, dqn.Config(**SMALL)),
    "dqn, all tricks": (dqn.DQN, dqn.Config(**SMALL, **TRICKS)),
    "dqn, Boltzmann": (dqn.DQN, dqn.Config(**SMALL, temperature=0.3)),
    "reinforce": (reinforce.Reinforce, reinforce.Config(total_steps=1000, hidden=(32,), gamma=0.5, clip=1.0)),
    "a2c": (a2c.A2C, a2c.Config(total_steps=1000, hidden=(32,), gamma=0.5, n_envs=1, n_steps=4)),
    "rainbow": (rainbow.Rainbow, rainbow.Config(**SMALL, support=(-2, 2), n_atoms=11)),
}


@pytest.mark.parametrize("name", AGENTS)
def test_seed_3_of_8_is_that_seed_alone(name):
    agent, config = AGENTS[name]
    many, alone = agent(Probe("both matter"), 8, 0, config), agent(Probe("both matter"), 1, 3, config)
    train(many, lambda: Probe("both matter"), 1000, evaluations=0, seed=0)
    train(alone, lambda: Probe("both matter"), 1000, evaluations=0, seed=3)
    for a, b in zip(many.policy.parameters(), alone.policy.parameters(), strict=True):
        torch.testing.assert_close(a[3], b[0], atol=1e-5, rtol=0)
