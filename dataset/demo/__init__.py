"""Faces drawn by program, after Japanese picture scrolls: data to try everything with before any download."""

from dataset.demo.faces import RESOLUTIONS, DrawnFace, draw_face, draw_faces
from dataset.demo.people import LABEL_SETS, POSES

__all__ = ["LABEL_SETS", "POSES", "RESOLUTIONS", "DrawnFace", "draw_face", "draw_faces"]
