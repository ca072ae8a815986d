"""Training: options, presets, losses, augmentation, the loop, its state and its reports. Only train.py imports it."""
