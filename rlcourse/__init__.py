"""rlcourse: every equation of the lectures is one function, every function an exercise, every exercise drives an agent.

This file imports nothing heavy, so that `import rlcourse` starts at once, even where there is only NumPy.
"""

__version__ = "0.2.0"
