"""The equations of the lectures, one pure function each."""
