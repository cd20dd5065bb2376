"""Problem set 2: what is asked of its nine functions, and their wrong versions, as people really write them."""

from rlcourse.staff.bank import ps2_losses, ps2_returns, ps2_targets  # noqa: F401  they put the wrong versions in
from rlcourse.staff.bank.ps2_cases import (
    CATEGORICAL_PROJECTION,
    DOUBLE_Q_TARGET,
    DUELING_Q,
    HUBER_LOSS,
    IMPORTANCE_WEIGHTS,
    N_STEP_RETURNS,
    PRIORITY,
    Q_TARGET,
    TD_TARGET,
)

BANK = {
    entry.function.__name__: entry
    for entry in (
        TD_TARGET,
        Q_TARGET,
        DOUBLE_Q_TARGET,
        DUELING_Q,
        HUBER_LOSS,
        PRIORITY,
        IMPORTANCE_WEIGHTS,
        N_STEP_RETURNS,
        CATEGORICAL_PROJECTION,
    )
}
