"""The pictures of the course, and the widgets that lectures click through."""
