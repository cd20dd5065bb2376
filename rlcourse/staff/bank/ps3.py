"""Problem set 3: its functions, with the wrong versions of each in ps3_reinforce.py and ps3_search.py."""

from rlcourse.staff.bank.ps3_reinforce import DISCOUNTED_RETURNS, OPTIMAL_BASELINE, SCORE_FUNCTION_LOSS
from rlcourse.staff.bank.ps3_search import CEM_REFIT, ELITE_MASK, FINITE_DIFFERENCE_GRADIENT

BANK = {
    entry.function.__name__: entry
    for entry in (
        DISCOUNTED_RETURNS,
        SCORE_FUNCTION_LOSS,
        OPTIMAL_BASELINE,
        ELITE_MASK,
        CEM_REFIT,
        FINITE_DIFFERENCE_GRADIENT,
    )
}
