"""Painters that learn: networks that look at the canvas and the reference and say the next strokes."""
