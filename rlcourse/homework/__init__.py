"""Feedback for students: checks, the runs that train with their functions, and what travels between processes."""
