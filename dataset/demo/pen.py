"""Brush and ink: smooth curves drawn as tapered polygons, in a frame that tilts, mirrors and sways as a hand does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from dataset.demo.pigments import Colour

Points = Sequence[tuple[float, float]] | np.ndarray
STEPS = 7  # points drawn between two control points


@lru_cache(maxsize=1)
def _catmull_rom() -> np.ndarray:
    t = np.arange(STEPS)[:, None] / STEPS
    powers = np.concatenate([t**0, t, t**2, t**3], axis=1)
    return powers @ (0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=float))


def curve(points: Points, closed: bool = False) -> np.ndarray:
    """Smooth curve through the points (Catmull-Rom); a point given twice makes a corner.

    Returns:
        [M, 2], float64.
    """
    given = np.asarray(points, dtype=float)
    if closed:
        padded = np.concatenate([given[-1:], given, given[:2]])
    else:
        padded = np.concatenate([2 * given[:1] - given[1:2], given, 2 * given[-1:] - given[-2:-1]])
    spans = len(padded) - 3
    windows = np.stack([padded[k : k + spans] for k in range(4)], axis=1)  # [spans, 4, 2]
    moving = np.any(windows[:, 1] != windows[:, 2], axis=1)  # a corner's empty span would draw a small loop
    windows = windows[moving]
    dense = np.einsum("tk,skd->std", _catmull_rom(), windows).reshape(-1, 2)
    return dense if closed else np.concatenate([dense, given[-1:]])


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the head's own coordinates (x to the right, y down, chin at y = 1, facing left) lie in the unit square."""

    centre: tuple[float, float]
    scale: float
    tilt: float = 0.0  # radians
    mirrored: bool = False
    width: float = 1.0
    fullness: float = 0.0  # how much wider the lower face is than the upper
    sway: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)  # two amplitudes, two phases

    def place(self, points: np.ndarray) -> np.ndarray:
        """Head coordinates [N, 2] → unit-square coordinates [N, 2]."""
        across, along, phase_x, phase_y = self.sway
        x, y = points[:, 0], points[:, 1]
        wide = x * (self.width + self.fullness * np.clip(y, -1.5, 1.5)) + across * np.sin(1.7 * y + phase_x)
        tall = y + along * np.sin(1.4 * x + phase_y)
        cosine, sine = np.cos(self.tilt), np.sin(self.tilt)
        side = -1 if self.mirrored else 1
        turned = np.stack([side * (wide * cosine - tall * sine), wide * sine + tall * cosine], axis=1)
        return turned * self.scale + np.array(self.centre)


class Pen:
    """Draws on a square RGB picture through a Frame; widths and lengths are in head units."""

    def __init__(self, image: Image.Image, frame: Frame, boldness: float) -> None:
        self.image = image
        self.frame = frame
        self.boldness = boldness
        self._draw = ImageDraw.Draw(image, "RGBA")

    def moved(self, frame: Frame) -> "Pen":
        """The same picture seen through another frame."""
        return Pen(self.image, frame, self.boldness)

    def steady(self) -> "Pen":
        """The same frame without tilt, for shoulders and what hangs straight down."""
        return self.moved(replace(self.frame, tilt=0.0, width=1.0, fullness=0.0))

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        return self.frame.place(points) * self.image.width

    def _polygon(self, pixels: np.ndarray, colour: Colour, alpha: float) -> None:
        self._draw.polygon([(float(x), float(y)) for x, y in pixels], fill=(*colour, round(255 * alpha)))

    def fill(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Fill a smooth closed shape."""
        self._polygon(self._pixels(curve(points, closed=True)), colour, alpha)

    def shape(self, points: Points, colour: Colour, ink: Colour, width: float = 0.045) -> None:
        """Fill a smooth closed shape and go round it with ink."""
        self.fill(points, colour)
        self._stroke(curve([*points, points[0]]), ink, width, 1.0, np.array([0.75, 1.15, 0.7, 1.1, 0.75]))

    def line(self, points: Points, colour: Colour, width: float, alpha: float = 1.0) -> None:
        """A brush line that begins fine, swells and ends in a point."""
        self._stroke(curve(points), colour, width, alpha, np.array([0.45, 1.0, 1.0, 0.7, 0.12]))

    def band(self, points: Points, colour: Colour, width: float) -> None:
        """A strip of even width, a cord or a collar: a thing and no line, so no bolder in small pictures."""
        self._stroke(curve(points), colour, width / self.boldness, 1.0, np.array([1.0, 1.0]))

    def _stroke(self, path: np.ndarray, colour: Colour, width: float, alpha: float, profile: np.ndarray) -> None:
        pixels = self._pixels(path)
        along = np.gradient(pixels, axis=0)
        length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
        normal = np.stack([-along[:, 1], along[:, 0]], axis=1) / length
        place = np.linspace(0, 1, len(pixels))
        half = 0.5 * width * self.boldness * self.frame.scale * self.image.width
        offset = normal * (half * np.interp(place, np.linspace(0, 1, len(profile)), profile))[:, None]
        self._polygon(np.concatenate([pixels + offset, (pixels - offset)[::-1]]), colour, alpha)

    def oval(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, alpha: float = 1.0) -> None:
        """Fill an ellipse."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        ring = np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1)
        self._polygon(self._pixels(ring), colour, alpha)

    def smudge(self, centre: tuple[float, float], radii: tuple[float, float], colour: Colour, alpha: float) -> None:
        """A soft patch of colour, densest in the middle."""
        for part in (1.0, 0.8, 0.6, 0.4):
            self.oval(centre, (radii[0] * part, radii[1] * part), colour, 1 - (1 - alpha) ** 0.25)

    def inside(self, points: Points) -> Image.Image:
        """Mask (mode L) of a smooth closed shape, for what must stay within it."""
        mask = Image.new("L", self.image.size)
        pixels = self._pixels(curve(points, closed=True))
        ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in pixels], fill=255)
        return mask
