"""Learned painters: networks that imitate a brush, trained on strokes made on the fly; each serves as a brush."""
