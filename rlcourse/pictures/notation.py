r"""One symbol, one meaning: what the letters of every equation stand for. `docs/notation.md` is made of this table.

    python -m rlcourse.pictures.notation > docs/notation.md

What belongs to one equation alone (the samples x of a refit) is said in its function's docstring, in the paragraph that
begins with "Here".
"""

import re

SYMBOLS = {  # symbol in LaTeX: meaning, its name in the code ("" where it has none)
    "The world": {
        r"s": ("state", "s"),
        r"s'": ("the state after it", "s_next"),
        r"a": ("action", "a"),
        r"a'": ("the action after it, or any action in a sum or maximum", "a_next"),
        r"r": ("reward", "reward"),
        r"d": ("1 where the episode terminated with this step, else 0", "terminated"),
        r"\text{ended}": ("1 where the episode terminated or was truncated with this step, else 0", ""),
        r"t": ("step", ""),
        r"P(s' | s, a)": ("probability of the next state", "P"),
        r"R(s, a)": ("expected reward", "R"),
        r"|A|": ("number of actions", "n_actions"),
        r"\rho_0": ("distribution of the first state", "rho0"),
        r"\gamma": ("discount", "gamma"),
    },
    "Policies and values": {
        r"\pi": ("the policy that is learned or judged", "pi"),
        r"\mu": ("the behaviour policy: the one that acted", "behaviour"),
        r"\tau": ("trajectory: all states, actions and rewards of an episode", ""),
        r"J": ("what a policy is worth from the start", ""),
        r"G": ("return: what the rewards from a step on add up to, discounted", "returns"),
        r"V": ("value: an estimate of the return from a state", "value"),
        r"Q": ("action value: an estimate of the return after an action", "q"),
        r"A": ("advantage: Q - V, or an estimate of it", "advantage"),
        r"V^\pi": ("the exact value of policy pi; likewise Q, A", ""),
        r"Q^\pi": ("the exact action value of policy pi", ""),
        r"V^*": ("the best value that any policy has", ""),
        r"Q^*": ("the best action value that any policy has", ""),
        r"P_\pi": ("transition probabilities under policy pi", ""),
        r"R_\pi": ("expected rewards under policy pi", ""),
        r"d^\pi": ("how often policy pi visits each state, discounted", "visits"),
        r"\mathcal{T}^*": ("Bellman optimality operator: one sweep", "q_backup"),
        r"\mathcal{T}^\pi": ("Bellman operator of policy pi", "policy_backup"),
        r"H": ("entropy, in nats", "entropy"),
        r"KL": ("Kullback-Leibler divergence, in nats", "kl"),
    },
    "Learning": {
        r"\theta": ("parameters of a table or network", "params"),
        r"\theta^-": ("parameters of the target network", "target"),
        r"V_\theta": ("value by parameters theta", ""),
        r"Q_\theta": ("action value by parameters theta", ""),
        r"Q_{\theta^-}": ("action value by the target network", ""),
        r"\alpha": ("step size", "alpha"),
        r"y": ("target: what an estimate is moved towards", "target"),
        r"\delta": ("TD error: target minus estimate", "td_error"),
        r"L": ("loss, to be minimised", "loss"),
        r"\nabla": ("gradient with respect to the parameters", ""),
        r"E": ("expectation", ""),
        r"\Pr": ("probability", ""),
        r"b": ("baseline", "baseline"),
        r"\lambda": ("how fast longer returns fade: 0 one step, 1 all", "lam"),
        r"e": ("trace: how much a state visited before still learns", "trace"),
        r"\kappa": ("where Huber's loss turns linear", "delta"),
        r"\tau_{\text{copy}}": ("copy rate of the target network", "tau"),
        r"c_V": ("weight of the value's loss", "value_coef"),
        r"c_H": ("weight of the entropy", "entropy_coef"),
        r"\sigma": ("standard deviation", "std"),
    },
    "Trust regions": {
        r"\delta_{KL}": ("how far a step may move the policy, or should, in nats", "max_kl, target_kl"),
        r"\beta_{KL}": ("price of a nat of divergence", "beta"),
        r"\epsilon_r": ("how far from 1 a ratio may go until it is clipped", "eps"),
        r"F": ("Fisher matrix: the curvature of the mean divergence", ""),
        r"g": ("gradient of the objective with respect to the parameters", "gradient"),
    },
    "Exploring, sampling, replay": {
        r"\epsilon": ("probability of exploring", "epsilon"),
        r"T": ("temperature", "temperature"),
        r"\rho": ("importance ratio: pi / mu, or target over sampling distribution", "ratio"),
        r"\bar\rho": ("where the ratio is clipped in V-trace's error", "rho_bar"),
        r"\bar c": ("where the ratio is clipped in V-trace's trace", "c_bar"),
        r"\omega": ("priority exponent", "alpha"),
        r"\beta": ("how much of prioritised drawing is made up for", "beta"),
        r"f": ("share of samples that are the elite", "fraction"),
    },
}
MEANINGS = {symbol: meaning for table in SYMBOLS.values() for symbol, (meaning, _) in table.items()}
BOUND = set("ijknmN")  # indices and counts: bound by their sum, or said in "Here"
SHAPE = re.compile(  # what is not a symbol: text, brackets' sizes, spaces, functions, signs
    r"\\(?:operatorname|mathrm|mathbf|begin|end)\{[^}]*\}|\\text\{(?!ended)[^}]*\}"
    r"|\\(?:big|Big|bigg|left|right|qquad|frac|tfrac|textstyle|overline|sqrt|sum|prod|max|min|arg|log|exp|cdot|cdots"
    r"|ldots|le|ge|in|to|gets|leftarrow|infty|quad|mid|approx|ne|lVert|rVert|hat|tilde|sim|otimes|partial|top|not|prime)(?![A-Za-z])"
    r"|\\[,;:!\s|\\{}]"
)
TOKEN = re.compile(r"\\[A-Za-z]+|[A-Za-z]")


def _pattern(symbol: str) -> re.Pattern:
    """A command, or the symbol where it stands for what it is: no letter of a command, no beginning of a longer one."""
    text = re.escape(symbol).replace(r"\ ", r"\s*")
    return re.compile(
        r"(?P<it>" + text + (r"(?![A-Za-z]))" if symbol[0] == "\\" and symbol[-1].isalpha() else ")") + r"|\\[A-Za-z]+"
    )


PATTERNS = {symbol: _pattern(symbol) for symbol in sorted(MEANINGS, key=len, reverse=True)}


def symbols(equation: str) -> tuple[list[str], set[str]]:
    """The symbols of an equation that this table knows, in its order, and the letters that it does not."""
    rest, found = SHAPE.sub(" ", equation), set()
    for symbol, pattern in PATTERNS.items():  # the longest first: what was found is taken out
        if any(match["it"] for match in pattern.finditer(rest)):
            found.add(symbol)
            rest = pattern.sub(lambda match: " " if match["it"] else match[0], rest)
    return [symbol for symbol in MEANINGS if symbol in found], set(TOKEN.findall(rest)) - BOUND


def page() -> str:
    """The table as a page of Markdown."""
    lines = ["# Notation", "", "One symbol has one meaning in all lectures, and `show(f)` says it below each equation."]
    for title, table in SYMBOLS.items():
        lines += ["", f"## {title}", "", "| symbol | meaning | in the code |", "|---|---|---|"]
        for symbol, (meaning, name) in table.items():
            safe = symbol.replace("|", r"\vert ") if "|" in symbol else symbol
            lines.append(f"| ${safe}$ | {meaning} | {f'`{name}`' if name else ''} |")
    lines += [
        "",
        "Indices: $i, j, k$ count terms of a sum, $n$ steps or samples, $N$ is how many there are. A bar over an",
        "expression is its mean over the batch.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())
