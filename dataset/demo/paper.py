"""Paper: its fibres and stains, the ground painted behind the figure, and what age does to both."""

from functools import lru_cache

import numpy as np
from PIL import Image

from dataset.demo.pen import Frame, Pen
from dataset.demo.pigments import GOLD, SUMI, Colour, Palette, blend

TEXTURES = 6


@lru_cache(maxsize=4)
def textures(resolution: int) -> np.ndarray:
    """A few sheets of paper, as brightness around 1.

    Returns:
        [TEXTURES, resolution, resolution], float32, always the same for one resolution; the coarse parts are
        the same sheets at every resolution.
    """
    rng = np.random.default_rng(1007)
    sheets = np.ones((TEXTURES, resolution, resolution), np.float32)
    for cells, strength in ((4, 0.035), (12, 0.02), (48, 0.022), (160, 0.03)):
        for sheet in sheets:
            noise = rng.standard_normal((cells, cells)).astype(np.float32)
            # what is finer than the picture averages out
            fine = min(1.0, resolution / cells)
            smooth = Image.fromarray(noise).resize((resolution, resolution), Image.Resampling.BICUBIC)
            sheet += strength * fine * np.asarray(smooth)
    return sheets


def age(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Give a freshly painted picture the tone of old paper.

    Args:
        picture: uint8 [R, R, 3]
    """
    sheet = textures(picture.shape[0])[int(rng.integers(TEXTURES))]
    if rng.random() < 0.5:
        sheet = sheet[::-1]
    if rng.random() < 0.5:
        sheet = sheet.T
    fade = float(rng.uniform(0.02, 0.1))
    warm = np.array([1.0, 0.985, 0.95], np.float32)
    paper = np.array([226, 202, 160], np.float32)
    aged = (picture * (1 - fade) + paper * fade) * warm * sheet[:, :, None]
    return np.clip(aged + 0.5, 0, 255).astype(np.uint8)


def paint_ground(rng: np.random.Generator, pen: Pen, palette: Palette) -> None:
    """Paint what is behind the figure: bare ground, mist bands, a screen, a beam or a flowering branch."""
    whole = pen.moved(Frame(centre=(0.0, 0.0), scale=1.0, mirrored=False))
    scene = int(rng.choice(5, p=[0.34, 0.26, 0.14, 0.12, 0.14]))
    if scene == 1:
        _mist(rng, whole, palette.second)
    elif scene == 2:
        _screen(rng, whole, palette)
    elif scene == 3:
        _beam(rng, whole, palette)
    elif scene == 4:
        _branch(rng, whole, palette)


def _mist(rng: np.random.Generator, pen: Pen, colour: Colour) -> None:
    for top in (float(rng.uniform(0.04, 0.2)), float(rng.uniform(0.4, 0.7))):
        left = bool(rng.random() < 0.5)
        for k, height in enumerate((0.0, 0.075)):
            reach = float(rng.uniform(0.3, 0.75)) * (1 if k == 0 else 0.8)
            far, near = (-0.1, reach) if left else (1.1, 1 - reach)
            tip = near + (0.04 if left else -0.04)
            y = top + height
            band = [(far, y), (far, y), (near, y), (tip, y + 0.035), (near, y + 0.07), (far, y + 0.07), (far, y + 0.07)]
            pen.shape(band, colour, blend(colour, GOLD, 0.6), 0.006)


def _screen(rng: np.random.Generator, pen: Pen, palette: Palette) -> None:
    edge = float(rng.uniform(0.15, 0.85))
    far = 1.1 if edge > 0.5 else -0.1
    panel = [(edge, -0.1), (far, -0.1), (far, 1.1), (edge, 1.1)]
    pen.fill([p for p in panel for _ in (0, 1)], palette.second)
    ink = blend(palette.ground, SUMI, 0.55)
    for y in np.arange(float(rng.uniform(0, 0.1)), 1, 0.11):
        pen.band([(edge, y), (far, y)], blend(palette.second, SUMI, 0.16), 0.008)
    pen.band([(edge, -0.1), (edge, 1.1)], ink, 0.022)


def _beam(rng: np.random.Generator, pen: Pen, palette: Palette) -> None:
    wood = blend(palette.ground, (122, 78, 48), 0.45)
    start, slope = float(rng.uniform(0.05, 0.5)), float(rng.uniform(-0.45, 0.45))
    for shift, width in ((0.0, 0.07), (0.14, 0.025)):
        ends = [(-0.1, start + shift - 0.6 * slope), (1.1, start + shift + 0.6 * slope)]
        pen.band(ends, blend(wood, SUMI, 0.35), width + 0.012)
        pen.band(ends, wood, width)


def _branch(rng: np.random.Generator, pen: Pen, palette: Palette) -> None:
    side = 1 if rng.random() < 0.5 else -1
    base = 0.5 + side * 0.55
    top = float(rng.uniform(0.1, 0.4))
    path = [
        (base, top + 0.3),
        (base - side * 0.12, top + 0.12),
        (base - side * 0.3, top),
        (base - side * 0.42, top - 0.1),
    ]
    pen.line(path, blend(palette.ground, (74, 52, 40), 0.75), 0.035)
    leaf = blend(palette.ground, (52, 104, 66), 0.8) if rng.random() < 0.5 else (226, 142, 140)
    for _ in range(14):
        along, off = float(rng.uniform(0, 1)), rng.normal(0, 0.045, 2)
        x = base - side * 0.42 * along + float(off[0])
        y = top + 0.3 * (1 - along) ** 2 - 0.1 * along**3 + float(off[1])
        pen.oval((x, y), (0.026, 0.018), leaf)
        pen.oval((x, y), (0.008, 0.006), blend(leaf, GOLD, 0.6))
