"""From a snapshot to pictures: seeds, labels, grids. Imports networks and torch_utils only."""
