"""Problem set 5: its functions; wrong versions are in ps5_losses, ps5_divergences, ps5_solvers and ps5_steps."""

from rlcourse.staff.bank.ps5_divergences import CATEGORICAL_KL, GAUSSIAN_KL
from rlcourse.staff.bank.ps5_losses import ADAPTIVE_KL_COEF, PPO_CLIP_LOSS, SURROGATE_LOSS
from rlcourse.staff.bank.ps5_solvers import CONJUGATE_GRADIENT, FISHER_VECTOR_PRODUCT, KFAC_PRECONDITION
from rlcourse.staff.bank.ps5_steps import BACKTRACKING_LINE_SEARCH, NATURAL_STEP

ENTRIES = (
    SURROGATE_LOSS,
    CATEGORICAL_KL,
    GAUSSIAN_KL,
    CONJUGATE_GRADIENT,
    FISHER_VECTOR_PRODUCT,
    NATURAL_STEP,
    BACKTRACKING_LINE_SEARCH,
    PPO_CLIP_LOSS,
    ADAPTIVE_KL_COEF,
    KFAC_PRECONDITION,
)
BANK = {entry.function.__name__: entry for entry in ENTRIES}
