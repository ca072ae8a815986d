"""Operators under their final names: the plain PyTorch body of each is its specification and runs on every device."""
