"""What was run: a folder a configuration, a CSV a seed, what made them, and what they say."""
