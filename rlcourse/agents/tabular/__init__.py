"""The tabular agents: planning, prediction, control, and the cross-entropy method over a table."""
