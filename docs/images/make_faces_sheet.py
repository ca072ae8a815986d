"""Draw the sheet of faces that the README shows: python docs/images/make_faces_sheet.py."""

import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dataset.demo import draw_faces
from torch_utils.images import grid, write_png

if __name__ == "__main__":
    pictures = np.stack([face.picture for face in draw_faces(40, 96, seed=0)])
    sheet = grid(torch.from_numpy(pictures).permute(0, 3, 1, 2), 10, gap=2)
    write_png(Path(__file__).with_name("drawn-faces.png"), sheet, {"Software": "kaokore-stylegan, drawn by program"})
