"""Pictures and labels: archives, packing, sampling, drawn faces. Imports torch_utils only."""
