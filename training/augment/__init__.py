"""Augmentation that D sees and G does not learn: Karras et al. 2020, "Training GANs with limited data" (ADA)."""
