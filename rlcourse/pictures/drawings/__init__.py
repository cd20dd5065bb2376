"""What a lecturer would draw on the board, drawn by code: a file a theme, made of the strokes in `ink`."""
