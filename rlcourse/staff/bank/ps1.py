"""Problem set 1: what is asked of its six functions, and their wrong versions, as people really write them."""

from rlcourse.staff.bank import ps1_learning, ps1_planning  # noqa: F401  they put the wrong versions into the entries
from rlcourse.staff.bank.ps1_cases import (
    BOLTZMANN,
    EPSILON_GREEDY,
    GREEDY_POLICY,
    POLICY_EVALUATION,
    Q_BACKUP,
    Q_LEARNING_UPDATE,
)

BANK = {
    entry.function.__name__: entry
    for entry in (Q_BACKUP, GREEDY_POLICY, Q_LEARNING_UPDATE, EPSILON_GREEDY, BOLTZMANN, POLICY_EVALUATION)
}
