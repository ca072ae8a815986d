"""Caps, helmets, cloths, hats, horns and haloes."""

import numpy as np

from dataset.demo.heads import Head
from dataset.demo.pen import Pen
from dataset.demo.people import Person, pick
from dataset.demo.pigments import (
    AZURITE,
    GOFUN,
    GOLD,
    INDIGO,
    IVORY,
    LACQUER,
    MALACHITE,
    PALE_BLUE,
    PERSIMMON,
    PURPLE,
    SUMI,
    VERMILION,
    YELLOW_OCHRE,
    Colour,
    blend,
)

SHINE: Colour = (84, 80, 86)
DARK_GOLD: Colour = (140, 100, 40)
HORN_RING: Colour = (150, 112, 62)
Offsets = list[tuple[float, float]]


def _about(head: Head, points: Offsets) -> Offsets:
    """Points given about the middle of the skull."""
    return [(x + head.middle, y) for x, y in points]


def draw_tall_cap(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """The tall black eboshi of a nobleman."""
    top, lean = float(rng.uniform(-2.15, -1.85)), float(rng.uniform(0.0, 0.35))
    cap = [(-0.74, -0.78), (-0.74, -0.78), (-0.74, -1.2), (-0.56 + lean, top + 0.3), (-0.05 + lean, top)]
    cap += [(0.5 + lean, top + 0.18), (0.82 + lean * 0.6, -1.35), (0.84, -0.74), (0.84, -0.74), (0.1, -0.9)]
    pen.shape(_about(head, cap), LACQUER, SUMI, 0.04)
    pen.line(_about(head, [(-0.5, -1.0), (-0.46, -1.4), (-0.3 + lean, top + 0.42)]), SHINE, 0.05)
    pen.line(_about(head, [(0.35, -0.98), (0.46, -1.4), (0.3 + lean, top + 0.4)]), SHINE, 0.03)
    pen.line(_about(head, [(-0.7, -0.88), (0.1, -1.0), (0.8, -0.86)]), SHINE, 0.035)


def draw_court_cap(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """The kanmuri of the court: low crown, standing lobe, pin, and a tail behind."""
    height = float(rng.uniform(0.55, 0.75))
    tail = [(0.72, -1.3), (1.15, -1.55), (1.42, -1.2), (1.5, -0.5), (1.44, 0.2)]
    pen.band(_about(head, tail), LACQUER, 0.17)
    pen.line(_about(head, tail), SHINE, 0.03)
    lobe = [(0.3, -1.2), (0.32, -1.4 - height), (0.52, -1.5 - height), (0.74, -1.36 - height), (0.76, -1.1)]
    pen.shape(_about(head, lobe), LACQUER, SHINE, 0.03)
    crown = [(-0.74, -0.8), (-0.74, -0.8), (-0.72, -1.2), (-0.4, -1.46), (0.1, -1.48), (0.6, -1.38), (0.86, -1.1)]
    pen.shape(_about(head, [*crown, (0.88, -0.74), (0.88, -0.74), (0.1, -0.9)]), LACQUER, SUMI, 0.04)
    pen.line(_about(head, [(-0.68, -0.92), (0.1, -1.02), (0.82, -0.88)]), SHINE, 0.04)
    pen.band(_about(head, [(-0.98, -1.04), (-0.6, -1.12)]), LACQUER, 0.08)


def draw_folded_cap(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """The creased eboshi of a warrior, bound with a cord."""
    peak = float(rng.uniform(-1.95, -1.7))
    cap = [(-0.74, -0.76), (-0.74, -0.76), (-0.95, -1.3), (-0.9, -1.45), (-0.3, peak + 0.12), (0.1, peak), (0.1, peak)]
    cap += [(0.32, -1.4), (0.95, -1.5), (1.22, -1.38), (1.0, -1.0), (0.88, -0.72), (0.88, -0.72), (0.1, -0.88)]
    pen.shape(_about(head, cap), LACQUER, SUMI, 0.04)
    pen.line(_about(head, [(-0.86, -1.38), (-0.2, -1.22), (0.3, -1.36)]), SHINE, 0.045)
    pen.line(_about(head, [(-0.5, -1.3), (-0.1, -1.6), (0.06, peak + 0.08)]), SHINE, 0.035)
    cord = pick(rng, (GOFUN, VERMILION, PALE_BLUE))
    pen.band(_about(head, [(-0.72, -0.84), (0.1, -0.98), (0.86, -0.82)]), cord, 0.1)


def draw_chin_cord(pen: Pen, head: Head, colour: Colour, width: float = 0.055) -> None:
    """A cord from the cap, before the ear, tied below the chin."""
    (x, y), (cx, cy) = head.sideburn, head.chin
    pen.band([(x + 0.02, y - 0.75), (x + 0.04, y + 0.25), (cx + 0.4, cy - 0.05), (cx + 0.06, cy + 0.06)], colour, width)
    if head.middle == 0:
        pen.band([(-x, y - 0.75), (-x + 0.02, y + 0.2), (-0.34, cy - 0.06), (0.06, cy + 0.06)], colour, width)
    for side in (-1, 1):
        loop = [(cx + 0.06, cy + 0.06), (cx + side * 0.2, cy + 0.02), (cx + side * 0.24, cy + 0.16)]
        pen.band([*loop, (cx + 0.06, cy + 0.08)], colour, width)
        pen.band([(cx + 0.06, cy + 0.08), (cx + side * 0.1, cy + 0.4)], colour, width)


def draw_neck_guard(pen: Pen, head: Head, lacing: Colour, second: Colour, behind: bool) -> None:
    """The flaring laced neck guard of a helmet: what lies behind the face, or what hangs before the ear."""
    if behind:
        sides = ((-0.72, -0.4), (0.72, 0.4)) if head.middle == 0 else ((-0.66, -0.28),)
    else:
        sides = () if head.middle == 0 else ((0.42, 1.0),)
    for start, reach in sides:
        for row in (3, 2, 1, 0):
            _guard_plate(pen, head, (start, reach), row, second if row == 1 else lacing)


def _guard_plate(pen: Pen, head: Head, side: tuple[float, float], row: int, colour: Colour) -> None:
    start, reach = side
    way = 1 if start > 0 else -1
    y, near, far = -0.74 + 0.31 * row, start + way * 0.05 * row, start + way * (abs(reach) * 0.72 + 0.16 * row)
    drop = 0.08 if abs(reach) > 0.5 else 0.0
    corners = [(near, y), (far, y + drop), (far + way * 0.12, y + drop + 0.36), (near + way * 0.03, y + 0.36)]
    pen.shape(_about(head, [corner for corner in corners for _ in (0, 1)]), colour, SUMI, 0.05)
    dark = blend(colour, SUMI, 0.55)
    for x in np.arange(abs(near) + 0.1, abs(far), 0.16):
        at, low = way * float(x), y + drop * (float(x) - abs(near))
        pen.line(_about(head, [(at, low + 0.07), (at + 0.02, low + 0.18), (at + 0.04, low + 0.33)]), dark, 0.045)


def draw_helmet(rng: np.random.Generator, pen: Pen, head: Head, lacing: Colour) -> None:
    """A kabuto: ribbed bowl, brow plate, and the gilt hoe-shaped crest."""
    bowl = pick(rng, ((52, 50, 58), (64, 52, 44), (44, 54, 72), (108, 42, 36)))
    dome = [(-0.86, -0.66), (-0.86, -0.66), (-0.8, -1.15), (-0.45, -1.55), (0.05, -1.7), (0.55, -1.56), (0.92, -1.15)]
    pen.shape(_about(head, [*dome, (1.0, -0.58), (1.0, -0.58), (0.1, -0.8)]), bowl, SUMI, 0.05)
    for x in (-0.6, -0.3, 0.02, 0.36, 0.68):
        pen.line(_about(head, [(x * 1.15, -0.84), (x * 1.05, -1.3), (x * 0.35 + 0.03, -1.66)]), GOLD, 0.05)
    pen.oval((head.middle + 0.04, -1.68), (0.13, 0.06), GOLD)
    shift = 0.0 if head.middle == 0 else -0.36
    size = float(rng.uniform(0.8, 1.1))
    for side in (-1, 1):
        wide = side * size * (1.0 if head.middle == 0 or side > 0 else 0.8)
        horn = [
            (0.06, -0.92),
            (0.36, -1.2),
            (0.5, -1.65),
            (0.42, -2.1),
            (0.42, -2.1),
            (0.7, -1.7),
            (0.6, -1.15),
            (0.2, -0.8),
        ]
        points = [(shift + wide * x, -0.85 + (y + 0.85) * size) for x, y in horn]
        pen.shape(_about(head, points), GOLD, DARK_GOLD, 0.04)
    pen.oval((head.middle + shift, -0.9), (0.15, 0.15), YELLOW_OCHRE)
    pen.oval((head.middle + shift, -0.9), (0.07, 0.07), lacing)
    peak = [(-0.92, -0.64), (-0.4, -0.84), (0.1, -0.86), (0.6, -0.8), (1.0, -0.58)]
    pen.band(_about(head, peak), blend(bowl, SUMI, 0.4), 0.15)
    pen.line(_about(head, peak), GOLD, 0.05)


def draw_headband(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """A white band round the brow, ends flying."""
    colour = pick(rng, (GOFUN, GOFUN, VERMILION))
    pen.band([(head.middle - 0.84, -0.6), (head.middle - 0.2, -0.72), (head.middle + 0.94, -0.56)], colour, 0.19)
    x = head.middle + 0.95
    for drop in (0.05, 0.3):
        pen.line([(x, -0.58), (x + 0.3, -0.62 + drop), (x + 0.6, -0.4 + drop)], blend(colour, SUMI, 0.08), 0.16)


def draw_headcloth(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """A dyed cloth tied round the head, with dots or stripes."""
    cloth = pick(rng, (INDIGO, PALE_BLUE, GOFUN, PERSIMMON, (168, 140, 110)))
    mark = GOFUN if sum(cloth) < 420 else INDIGO
    x = head.middle + 0.86
    for end in ((x + 0.42, -0.5), (x + 0.34, -0.18)):
        pen.shape([(x, -0.74), (x + 0.2, -0.84), end, end, (x + 0.1, -0.5)], cloth, SUMI)
    wrap = [(-0.86, -0.56), (-0.86, -0.56), (-0.84, -1.0), (-0.5, -1.36), (0.0, -1.46), (0.55, -1.36), (0.95, -0.95)]
    pen.shape(_about(head, [*wrap, (0.98, -0.5), (0.98, -0.5), (0.1, -0.74)]), cloth, SUMI, 0.05)
    for row, y in enumerate((-0.86, -1.06, -1.26)):
        for column in np.arange(-0.6 + 0.1 * (row % 2) + 0.1 * row, 0.72 - 0.1 * row, 0.24):
            pen.oval((head.middle + float(column), y), (0.045, 0.045), mark)
    pen.line(_about(head, [(-0.8, -0.68), (0.1, -0.86), (0.94, -0.62)]), blend(cloth, SUMI, 0.5), 0.04)
    pen.shape(_about(head, [(0.8, -0.82), (1.0, -0.86), (1.04, -0.6), (0.84, -0.58)]), cloth, SUMI)


def draw_straw_hat(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """A wide sedge hat."""
    straw = pick(rng, ((214, 178, 104), (196, 156, 88), (226, 196, 132), (150, 158, 96)))
    dark = blend(straw, (84, 58, 30), 0.6)
    rim = [
        (-1.55, -0.5),
        (-1.55, -0.5),
        (-0.7, -1.14),
        (0.0, -1.66),
        (0.0, -1.66),
        (0.7, -1.14),
        (1.55, -0.5),
        (1.55, -0.5),
    ]
    pen.shape(_about(head, [*rim, (0.8, -0.46), (0.0, -0.44), (-0.8, -0.46)]), straw, SUMI, 0.05)
    for end in np.linspace(-1.35, 1.35, 11):
        x = float(end)
        pen.line(_about(head, [(x * 0.04, -1.56), (x * 0.45, -1.12), (x * 0.97, -0.52)]), dark, 0.035)
    pen.line(_about(head, [(-0.86, -0.86), (0.0, -0.76), (0.86, -0.86)]), dark, 0.045)
    pen.line(_about(head, [(-1.5, -0.52), (0.0, -0.48), (1.5, -0.52)]), blend(straw, SUMI, 0.6), 0.06)


def draw_horns(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """One horn or two, ringed."""
    height = float(rng.uniform(0.7, 1.0))
    places = (-0.1,) if rng.random() < 0.25 else (-0.52, 0.4)
    for x in places:
        lean = 0.12 if x > 0 else -0.06
        horn = [(x - 0.24, -0.8), (x - 0.2, -1.1), (x + lean, -1.0 - height), (x + lean, -1.0 - height)]
        pen.shape(_about(head, [*horn, (x + 0.22, -1.1), (x + 0.25, -0.8)]), IVORY, SUMI, 0.05)
        for ring in (0.15, 0.35, 0.55):
            y = -0.95 - ring * height
            pen.line(
                _about(head, [(x - 0.15 + ring * 0.1, y), (x, y + 0.05), (x + 0.17 - ring * 0.1, y)]), HORN_RING, 0.035
            )


def draw_halo(rng: np.random.Generator, pen: Pen, head: Head) -> None:
    """A golden disc of light with a coloured rim, behind the head."""
    rim = pick(rng, (VERMILION, MALACHITE, AZURITE, PURPLE))
    centre = (head.middle * 0.7, -0.35)
    for radius, colour in ((1.72, rim), (1.6, GOLD), (1.45, (238, 212, 140)), (1.1, (246, 228, 172))):
        pen.oval(centre, (radius, radius), colour)
    for angle in np.linspace(0, 2 * np.pi, 20, endpoint=False):
        x, y = float(np.cos(angle)), float(np.sin(angle))
        inner, outer = (centre[0] + 1.12 * x, centre[1] + 1.12 * y), (centre[0] + 1.44 * x, centre[1] + 1.44 * y)
        pen.line([inner, ((inner[0] + outer[0]) / 2, (inner[1] + outer[1]) / 2), outer], DARK_GOLD, 0.03)


def draw_crown(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """A deity's high knot of hair and flaming gold diadem."""
    knot = [(-0.34, -1.2), (-0.36, -1.62), (0.0, -1.84), (0.36, -1.62), (0.34, -1.2)]
    pen.shape(_about(head, knot), person.hair, SUMI, 0.04)
    jewel = pick(rng, (VERMILION, AZURITE, MALACHITE))
    for x, tall in ((-0.58, 0.3), (0.62, 0.3), (-0.3, 0.44), (0.36, 0.44), (0.02, 0.62)):
        leaf = [
            (x - 0.17, -0.92),
            (x - 0.2, -1.12),
            (x, -0.98 - tall),
            (x, -0.98 - tall),
            (x + 0.2, -1.12),
            (x + 0.17, -0.92),
        ]
        pen.shape(_about(head, leaf), GOLD, DARK_GOLD, 0.04)
        pen.oval((head.middle + x, -1.08), (0.065, 0.075), jewel)
    pen.band(_about(head, [(-0.78, -0.84), (0.0, -0.94), (0.9, -0.8)]), YELLOW_OCHRE, 0.13)
    forehead = (head.eyes[0][0][0] + head.eyes[-1][0][0]) / 2
    pen.oval((forehead, -0.42), (0.06, 0.06), jewel)
