"""Training: the loop, evaluation, progress bars, and worker processes."""
