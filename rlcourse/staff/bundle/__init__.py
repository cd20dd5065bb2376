"""What lies beside the notebook in a student's bundle: README, Makefile and two scripts that need no installation."""
