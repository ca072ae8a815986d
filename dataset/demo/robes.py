"""Shoulders, neck, robes with woven patterns, nested collars and armour."""

import numpy as np
from PIL import ImageDraw

from dataset.demo.heads import Head
from dataset.demo.pen import Pen
from dataset.demo.people import Person, pick
from dataset.demo.pigments import BLUSH, GOFUN, GOLD, SUMI, VERMILION, Colour, blend

Offsets = list[tuple[float, float]]


def draw_body(rng: np.random.Generator, pen: Pen, head: Head, person: Person, lacing: Colour) -> None:
    """Neck, robe and collars below the head; armour under a helmet."""
    robe = pick(rng, person.palette.robes)
    neck = 0.0 if person.pose == "frontal" else (0.24 if person.pose == "three-quarter" else 0.3)
    shoulders = _shoulders(neck)
    pen.shape(shoulders, robe, SUMI, 0.06)
    _pattern(rng, pen, shoulders, robe)
    _folds(pen, neck, robe)
    _neck(pen, neck, person)
    if person.dress == "helmet":
        _armour(rng, pen, neck, lacing)
    _collars(rng, pen, neck, person, robe)


def _shoulders(neck: float) -> Offsets:
    return [
        (neck - 0.5, 0.98), (neck - 1.1, 1.22), (neck - 1.75, 1.5), (neck - 2.3, 2.4), (neck - 2.3, 3.2),
        (neck + 2.2, 3.2), (neck + 2.2, 2.4), (neck + 1.65, 1.42), (neck + 1.0, 1.08), (neck + 0.5, 0.8),
    ]  # fmt: skip


def _neck(pen: Pen, neck: float, person: Person) -> None:
    throat = [
        (neck - 0.36, 0.6),
        (neck - 0.34, 1.1),
        (neck - 0.3, 1.7),
        (neck + 0.1, 1.7),
        (neck + 0.42, 1.1),
        (neck + 0.5, 0.4),
    ]
    pen.shape(throat, blend(person.skin, BLUSH, 0.1), blend(SUMI, person.skin, 0.2), 0.045)
    pen.smudge((neck - 0.05, 1.02), (0.42, 0.16), blend(person.skin, (120, 70, 50), 0.6), 0.4)


def _folds(pen: Pen, neck: float, robe: Colour) -> None:
    fold = blend(robe, SUMI, 0.5)
    for x, lean in ((-1.25, -0.1), (-0.85, 0.1), (0.95, -0.1), (1.4, 0.15)):
        pen.line([(neck + x * 0.85, 1.4), (neck + x, 1.75), (neck + x + lean, 2.5)], fold, 0.05, 0.8)


def _collars(rng: np.random.Generator, pen: Pen, neck: float, person: Person, robe: Colour) -> None:
    lady = person.gender == "female" and person.status in ("noble", "incarnation")
    layers = 4 if lady else 2
    colours = [colour for colour in person.palette.robes if colour != robe]
    order = [colours[int(k)] for k in rng.permutation(len(colours))][: layers - 1]
    tones = [blend(robe, SUMI, 0.25), *order[: layers - 2], GOFUN][-layers:]
    meet, width = (neck - 0.32, 1.72), 0.17 if lady else 0.21
    for layer, tone in enumerate(tones):  # from the outermost inwards
        out = (layers - 1 - layer) * width * 0.9
        far = [(neck - 0.3, 0.72), (neck - 0.47 - out, 1.25), (meet[0] - out * 0.2, meet[1] + out), (neck, 2.5 + out)]
        near = [(neck + 0.34, 0.42), (neck + 0.5 + out, 1.05), (meet[0] + 0.15 + out * 0.7, meet[1] + out)]
        for side in (far, [*near, (neck - 0.9 + out * 0.5, 2.6 + out)]):
            pen.band(side, blend(tone, SUMI, 0.7), width + 0.045)
            pen.band(side, tone, width)


def _pattern(rng: np.random.Generator, pen: Pen, shoulders: Offsets, robe: Colour) -> None:
    kind = int(rng.integers(5))
    light = sum(robe) > 480
    mark = blend(robe, pick(rng, (VERMILION, SUMI, GOLD)) if light else pick(rng, (GOFUN, GOLD)), 0.5)
    phase = rng.uniform(0, 1, 2)
    if kind == 0:
        return
    layer = pen.image.copy()
    draw = ImageDraw.Draw(layer)
    size = pen.image.width
    step, line = 0.085 * size, max(1, round(0.011 * size))
    for row in range(6):
        for column in range(-1, 14):
            x = (column + 0.5 * (row % 2) + float(phase[0])) * step
            y = 0.7 * size + (row + float(phase[1]) * 0.5) * step * 0.8
            _motif(draw, kind, (x, y), step, line, mark)
    pen.image.paste(layer, mask=pen.inside(shoulders))


def _motif(
    draw: ImageDraw.ImageDraw, kind: int, place: tuple[float, float], step: float, line: int, mark: Colour
) -> None:
    x, y = place
    if kind == 1:  # roundels
        r = step * 0.27
        draw.ellipse([x - r, y - r, x + r, y + r], fill=mark)
    elif kind == 2:  # waves
        for r in (step * 0.5, step * 0.28):
            draw.arc([x - r, y - r, x + r, y + r], 180, 360, fill=mark, width=line)
    elif kind == 3:  # lozenges
        a, b = step * 0.5, step * 0.4
        draw.line([(x - a, y), (x, y - b), (x + a, y), (x, y + b), (x - a, y)], fill=mark, width=line)
    else:  # blossoms
        for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False):
            px, py, r = x + step * 0.17 * float(np.cos(angle)), y + step * 0.17 * float(np.sin(angle)), step * 0.13
            draw.ellipse([px - r, py - r, px + r, py + r], fill=mark)


def _armour(rng: np.random.Generator, pen: Pen, neck: float, lacing: Colour) -> None:
    second = pick(rng, (GOFUN, GOLD, blend(lacing, SUMI, 0.4)))
    for side in (-1, 1):
        for row in range(3):
            y, x = 1.3 + 0.26 * row, neck + side * (0.75 + 0.06 * row)
            far = x + side * 1.3
            plate = [
                (x, y),
                (x, y),
                (far, y + 0.16),
                (far, y + 0.16),
                (far, y + 0.46),
                (far, y + 0.46),
                (x, y + 0.28),
                (x, y + 0.28),
            ]
            pen.shape(plate, second if row == 1 else lacing, SUMI, 0.045)
            for k in range(7):
                at = x + side * (0.1 + 0.18 * k)
                drop = y + 0.02 * k
                pen.line([(at, drop + 0.05), (at, drop + 0.14), (at, drop + 0.25)], blend(lacing, SUMI, 0.6), 0.04)
