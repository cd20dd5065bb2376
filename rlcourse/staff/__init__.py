"""What only the staff of a course runs: making notebooks, exercises and grades. Never shipped to students."""
