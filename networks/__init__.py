"""Generators, discriminators and their snapshots. Imports torch_utils only."""
