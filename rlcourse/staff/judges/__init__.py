"""The judges of what a student's functions trained, a file a problem set: by what it is worth."""
