"""What a graded function and an agent's settings promise, and the check of it."""
