"""Classifiers of labelled pictures: training, scores, predictions, and the paper's table."""
