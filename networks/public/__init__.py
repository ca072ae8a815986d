"""Checkpoints of other StyleGAN programs, read without running anything that stands in them."""
