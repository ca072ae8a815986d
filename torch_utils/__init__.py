"""Foundations: errors, configuration, seeds, pictures, files, logs, processes and ops. Imports nothing else of ours."""
