"""Scores of a generator against real pictures. torch-fidelity computes; metrics.features is its only importer."""
