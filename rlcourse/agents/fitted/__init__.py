"""Q-learning with functions in place of tables, in batches and step by step (lecture 03)."""
