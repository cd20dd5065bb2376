"""The agents: one file an algorithm, top to bottom."""
