"""Eyes, brows, nose, mouth, ears and beards."""

import numpy as np

from dataset.demo.heads import Head, Point
from dataset.demo.pen import Pen
from dataset.demo.people import Person
from dataset.demo.pigments import BLUSH, GOFUN, GREY, IVORY, LIPS, SUMI, Colour, blend

INK = 0.045  # the usual width of a line, in head units


def ink_for(person: Person) -> Colour:
    """Ink of outlines: brown-black, a little of the skin showing through."""
    return blend(SUMI, person.skin, 0.16)


def draw_skull(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """The bare head with ears and a breath of red on the cheeks."""
    ink = ink_for(person)
    for x, y in head.ears:
        long = 0.36 if person.dress == "halo" else 0.25
        outer = [(x - 0.08, y - 0.22), (x + 0.1, y - 0.2), (x + 0.13, y), (x + 0.06, y + long), (x - 0.07, y + 0.1)]
        pen.shape(outer, blend(person.skin, BLUSH, 0.15), ink, INK)
    pen.shape(head.skull, person.skin, ink, INK * 1.15)
    strength = float(rng.uniform(0.12, 0.45)) * (0.6 if person.is_demon else 1.0)
    for cheek in head.cheeks:
        pen.smudge(cheek, (0.26, 0.2), BLUSH, strength)


def draw_inner_ear(pen: Pen, head: Head, person: Person) -> None:
    """The ear once more over the hair, where the pose shows it in front."""
    if person.pose == "frontal":
        return
    ink = ink_for(person)
    x, y = head.ears[0]
    lobe = 0.36 if person.dress == "halo" else 0.24
    pen.shape(
        [(x - 0.1, y - 0.12), (x + 0.02, y - 0.24), (x + 0.13, y - 0.12), (x + 0.07, y + 0.1), (x - 0.02, y + lobe)],
        blend(person.skin, BLUSH, 0.12),
        ink,
        INK,
    )
    pen.line([(x - 0.02, y - 0.12), (x + 0.07, y - 0.1), (x + 0.02, y + 0.06)], ink, INK * 0.7)


def draw_features(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """All that makes the bare head a face."""
    slant = float(rng.normal(0.0, 0.03)) - (0.05 if person.status == "warrior" else 0.0)
    for index, (centre, half) in enumerate(head.eyes):
        outward = -1 if person.pose == "frontal" and index == 0 else 1
        tilt = outward * slant
        if person.is_demon:
            _fierce_eye(pen, centre, half, ink_for(person))
        else:
            _slit_eye(pen, centre, half, tilt, person.eyes_open)
        _brow(rng, pen, centre, half * outward, person)
    ink = ink_for(person)
    if head.nose:
        pen.line(head.nose, ink, INK * 1.1)
    pen.line(head.nostril, ink, INK)
    _mouth(rng, pen, head, person)
    if person.beard != "none":
        _beard(rng, pen, head, person)
    if rng.random() < 0.3 and person.gender == "male":
        _wrinkles(pen, head, person)


def _slit_eye(pen: Pen, centre: Point, half: float, slant: float, opening: float) -> None:
    x, y = centre
    lift = 0.03 + 0.07 * opening
    lid = [
        (x - half, y + 0.04 - slant),
        (x - half * 0.3, y - lift),
        (x + half * 0.5, y - lift),
        (x + half * 1.1, y + slant),
    ]
    lower = [(x - half, y + 0.04 - slant), (x, y + 0.04 + 0.03 * opening), (x + half, y + 0.02 + slant)]
    if opening > 0.15:
        pen.fill([*lid, *lower[::-1]], GOFUN)
    pen.oval((x - 0.15 * half, y - 0.01), (0.055 + 0.015 * opening, 0.045 + 0.03 * opening), SUMI)
    pen.line(lid, SUMI, 0.085)
    pen.line(lower, SUMI, 0.03, 0.8)


def _fierce_eye(pen: Pen, centre: Point, half: float, ink: Colour) -> None:
    x, y = centre
    ring = [(x - half * 1.1, y + 0.02), (x, y - 0.16), (x + half * 1.1, y - 0.02), (x, y + 0.13)]
    pen.shape(ring, (250, 232, 170), ink, 0.06)
    pen.oval((x - 0.03, y), (0.065, 0.075), SUMI)


def _brow(rng: np.random.Generator, pen: Pen, centre: Point, half: float, person: Person) -> None:
    x, y = centre
    if person.brows_painted:
        pen.smudge((x, y - 0.48), (abs(half) * 0.85, 0.1), SUMI, 0.8)
        return
    if person.is_demon:
        inner = -1 if person.pose != "frontal" else -np.sign(half)
        for shift in (-0.12, 0.0, 0.12):
            start = (x + inner * abs(half) * 1.1, y - 0.18 + shift * 0.4)
            pen.line([start, (x + shift, y - 0.36), (x - inner * abs(half) * 1.6, y - 0.44 + shift)], person.hair, 0.12)
        return
    arch = 0.06 + 0.05 * float(rng.random())
    thick = 0.05 if person.gender == "female" else 0.085
    low = 0.25
    pen.line([(x - half, y - low), (x, y - low - arch), (x + half * 1.15, y - low + 0.02)], person.hair, thick)


def _mouth(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    (x, y), (left, right) = head.mouth, head.mouth_half
    if person.is_demon:
        _fangs(pen, head)
        return
    size = 0.85 if person.gender == "female" else 1.0
    left, right = left * size, right * size
    smile = float(rng.uniform(-0.02, 0.05))
    thick = 0.07 + 0.03 * float(rng.random())
    upper = [(x - left, y - smile), (x - 0.4 * left, y - thick), (x, y - thick * 0.6), (x + 0.4 * right, y - thick)]
    lower = [(x + right, y - smile), (x + 0.3 * right, y + thick * 1.1), (x - 0.5 * left, y + thick * 1.1)]
    pen.fill([*upper, *lower], LIPS)
    pen.line([(x - left, y - smile), (x, y + 0.012), (x + right, y - smile)], SUMI, 0.04)
    if person.gender == "male":
        pen.line([(x - 0.06, y + 0.2), (x + 0.02, y + 0.22), (x + 0.1, y + 0.19)], ink_for(person), 0.03, 0.7)


def _fangs(pen: Pen, head: Head) -> None:
    (x, y), (left, right) = head.mouth, head.mouth_half
    left, right = left * (1.2 if len(head.eyes) == 1 else 1.9), right * 1.9
    maw = [(x - left, y - 0.07), (x, y - 0.11), (x + right, y - 0.09), (x + right * 0.7, y + 0.13), (x, y + 0.18)]
    pen.shape([*maw, (x - left * 0.8, y + 0.12)], (140, 24, 30), SUMI, 0.055)
    pen.line([(x - left * 0.8, y - 0.04), (x, y - 0.05), (x + right * 0.9, y - 0.05)], IVORY, 0.07)
    for side in (-0.72 * left, 0.72 * right):
        fang = [(x + side - 0.06, y + 0.1), (x + side, y - 0.2), (x + side, y - 0.2), (x + side + 0.06, y + 0.1)]
        pen.shape(fang, GOFUN, SUMI, 0.025)


def _beard(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    (x, y), (left, right) = head.mouth, head.mouth_half
    kind = person.beard
    if kind in ("moustache", "both", "full"):
        for end in (-1.5 * left, 1.7 * right):
            for drop in (0.0, 0.05):
                tip = (x + end, y + 0.1 + drop)
                pen.line([(x + 0.1 * end, y - 0.11), (x + 0.7 * end, y - 0.09), tip], person.hair, 0.06)
    if kind in ("goatee", "both", "full"):
        length = float(rng.uniform(0.16, 0.3)) + (0.4 if kind == "full" else 0.0)
        cx, cy = head.chin
        for shift in np.linspace(-0.13, 0.13, 5):
            end = (cx + shift * 0.5 - 0.04, cy + length - 1.3 * abs(shift))
            pen.line(
                [(cx + shift * 0.7, cy - 0.18 + 0.7 * abs(shift)), (cx + shift * 1.1, cy + 0.04), end],
                person.hair,
                0.06,
            )
    if kind in ("stubble", "full"):
        _stubble(rng, pen, head, GREY if kind == "full" else SUMI)


def _stubble(rng: np.random.Generator, pen: Pen, head: Head, colour: Colour) -> None:
    (mx, my), jaw = head.mouth, np.array(head.jaw)
    for along in np.linspace(0.03, 0.97, 26):
        place = along * (len(jaw) - 1)
        low = int(place)
        edge = jaw[low] + (jaw[min(low + 1, len(jaw) - 1)] - jaw[low]) * (place - low)
        inward = float(rng.uniform(0.06, 0.36))
        x, y = edge + (np.array([mx, my]) - edge) * inward
        pen.line([(x, y - 0.03), (x + 0.01, y), (x + 0.02, y + 0.06)], colour, 0.035, 0.75)


def _wrinkles(pen: Pen, head: Head, person: Person) -> None:
    ink = ink_for(person)
    (x, y), half = head.eyes[-1]
    pen.line([(x - half * 0.8, y + 0.13), (x, y + 0.17), (x + half * 0.8, y + 0.13)], ink, 0.028, 0.7)
    mx, my = head.mouth
    pen.line([(mx + 0.24, my - 0.24), (mx + 0.31, my - 0.1), (mx + 0.29, my + 0.04)], ink, 0.032, 0.75)
