"""Hair: under caps, long and flowing, tied, shaved with a topknot, wild."""

from dataclasses import dataclass

import numpy as np

from dataset.demo.heads import Head, Path
from dataset.demo.pen import Pen
from dataset.demo.people import Person
from dataset.demo.pigments import SUMI, VERMILION, Colour, blend

SHAVEN: Colour = (120, 134, 140)
PAPER_CORD: Colour = (232, 222, 204)


@dataclass(frozen=True, kw_only=True)
class Topknot:
    """Where hair was left on a warrior's shaven head."""

    pate: Path
    hair: tuple[Path, ...]
    knot: Path
    tie: Path


TOPKNOTS: dict[str, Topknot] = {
    "three-quarter": Topknot(
        pate=((-0.42, -0.95), (0.05, -1.16), (0.55, -1.12), (0.72, -0.95), (0.3, -0.7), (-0.2, -0.72)),
        hair=(
            (
                (0.3, -0.66), (0.42, -0.3), (0.46, 0.24), (0.46, 0.24), (0.6, -0.08), (0.78, 0.0), (0.84, 0.42),
                (0.84, 0.42), (1.07, 0.05), (1.14, -0.45), (1.02, -0.92), (0.8, -1.06), (0.58, -0.78),
            ),
        ),
        knot=((1.0, -0.9), (0.75, -1.3), (0.3, -1.42), (0.16, -1.3), (0.4, -1.24), (0.72, -1.02)),
        tie=((0.8, -1.24), (0.7, -1.06)),
    ),
    "profile": Topknot(
        pate=((-0.4, -0.92), (0.08, -1.16), (0.6, -1.12), (0.78, -0.95), (0.34, -0.7), (-0.14, -0.7)),
        hair=(
            (
                (-0.04, -0.6), (0.06, -0.3), (0.1, 0.22), (0.1, 0.22), (0.24, -0.08), (0.46, 0.0), (0.6, 0.46),
                (0.6, 0.46), (1.0, 0.12), (1.16, -0.42), (1.06, -0.92), (0.86, -1.06), (0.6, -0.76), (0.28, -0.7),
            ),
        ),
        knot=((1.06, -0.9), (0.81, -1.3), (0.36, -1.42), (0.22, -1.3), (0.46, -1.24), (0.78, -1.02)),
        tie=((0.86, -1.24), (0.76, -1.06)),
    ),
    "frontal": Topknot(
        pate=((-0.55, -0.95), (0.0, -1.16), (0.55, -0.95), (0.3, -0.68), (-0.3, -0.68)),
        hair=tuple(
            tuple(
                (side * x, y)
                for x, y in (
                    (0.82, -0.75), (0.97, -0.35), (0.95, -0.02), (0.8, 0.24), (0.8, 0.24), (0.7, -0.2), (0.7, -0.55),
                )
            )
            for side in (1, -1)
        ),
        knot=((-0.12, -1.08), (-0.15, -1.42), (0.0, -1.52), (0.15, -1.42), (0.12, -1.08)),
        tie=((-0.15, -1.16), (0.15, -1.16)),
    ),
}  # fmt: skip


def sheen(person: Person) -> Colour:
    """Colour of single strands seen on a mass of hair."""
    return blend(person.hair, (150, 140, 140), 0.32)


def draw_capped(pen: Pen, head: Head, person: Person) -> None:
    """Hair of the sides and back, as it shows below a cap."""
    pen.fill(head.hairline, person.hair)
    if head.far_lock:
        pen.fill(head.far_lock, person.hair)
    _sideburn(pen, head, person)


def draw_full(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """Hair over the whole head, combed back, with stray strands."""
    pen.fill(head.crown, person.hair)
    if head.far_lock:
        pen.fill(head.far_lock, person.hair)
    _sideburn(pen, head, person)
    x, y = head.back
    for shift in (-0.22, 0.0, 0.22):
        start = (head.middle - 0.35 + shift, -0.98 + abs(shift) * 0.3)
        pen.line([start, (head.middle + 0.3 + shift, -1.08 + shift * 0.3), (x - 0.2, y + shift)], sheen(person), 0.03)
    for _ in range(5):
        drift = float(rng.uniform(-0.1, 0.12))
        sx, sy = head.sideburn
        pen.line([(sx, sy - 0.2), (sx + drift, sy + 0.1), (sx + drift, sy + 0.32)], person.hair, 0.025)


def _sideburn(pen: Pen, head: Head, person: Person) -> None:
    x, y = head.sideburn
    sides = (1,) if person.pose != "frontal" else (1, -1)
    for side in sides:
        for shift in (-0.05, 0.0, 0.06):
            top, end = (side * (x + shift), y - 0.35), (side * (x + shift * 0.6 - 0.03), y + 0.3 - abs(shift))
            pen.line([top, (side * (x + shift), y), end], person.hair, 0.04)


def draw_topknot(pen: Pen, head: Head, person: Person) -> None:
    """A shaved pate, bluish, with hair at the sides and back and a waxed knot tied over it."""
    plan = TOPKNOTS[person.pose]
    pen.fill(plan.pate, SHAVEN, 0.22)
    for patch in plan.hair:
        pen.fill(patch, person.hair)
    _sideburn(pen, head, person)
    pen.shape(plan.knot, person.hair, SUMI, 0.03)
    pen.band(plan.tie, PAPER_CORD, 0.07)


def draw_long_back(pen: Pen, head: Head, person: Person) -> None:
    """The mass of a lady's hair that falls behind the face and over the robe."""
    middle = head.middle
    right = [
        (middle, -1.36),
        (0.7, -1.28),
        (1.08, -0.85),
        (1.18, -0.1),
        (1.2, 0.8),
        (1.34, 1.7),
        (1.5, 3.0),
        (1.5, 3.0),
    ]
    if person.pose == "frontal":
        left = [(-x, y) for x, y in right[:0:-1]]
    else:
        left = [(0.1, 3.0), (0.1, 3.0), (0.2, 1.4), (0.1, 0.4), (-0.3, -0.9)]
    pen.fill([*right, *left], person.hair)
    strand = sheen(person)
    for x in (0.72, 0.9, 1.06):
        pen.line([(x - 0.1, -0.7), (x, 0.2), (x + 0.08, 1.0), (x + 0.2, 2.4)], strand, 0.03)


def draw_long_front(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """The parted front of a lady's hair, framing the face."""
    lift = float(rng.uniform(-0.06, 0.06))
    if person.pose == "frontal":
        for side in (1, -1):
            _curtain(pen, person, side, 0.0, 0.62, lift)
        return
    if person.pose == "profile":
        front = [(-0.44, -0.92), (-0.2, -0.9 + lift), (0.02, -0.6), (0.1, -0.1), (0.08, 0.5), (0.18, 1.1), (0.4, 1.9)]
        rest = [(0.5, 3.0), (1.3, 3.0), (1.16, 0.8), (1.17, -0.3), (0.98, -1.0), (0.4, -1.34), (-0.12, -1.26)]
        pen.fill([*front, *rest], person.hair)
        for x in (0.3, 0.52, 0.74):
            pen.line([(x - 0.5, -1.1), (x - 0.02, -0.6), (x, 0.3), (x + 0.1, 1.4)], sheen(person), 0.03)
        return
    _curtain(pen, person, 1, -0.22, 0.44, lift)
    far = [(-0.16, -1.3), (-0.3, -0.98 + lift), (-0.62, -0.62), (-0.74, -0.2), (-0.73, 0.3), (-0.8, 0.9), (-0.84, 1.5)]
    pen.fill([*far, (-0.84, 1.5), (-0.94, 0.8), (-0.9, 0.0), (-0.84, -0.6), (-0.6, -1.1)], person.hair)


def _curtain(pen: Pen, person: Person, side: int, part: float, edge: float, lift: float) -> None:
    inner = [(part, -1.3), (part + 0.06, -1.0 + lift), (edge - 0.08, -0.66), (edge + 0.08, -0.1), (edge + 0.12, 0.5)]
    outer = [(1.26, 2.4), (1.12, 0.8), (1.12, -0.2), (1.0, -0.9), (0.55, -1.34)]
    path = [*inner, (edge + 0.2, 1.2), (edge + 0.36, 2.4), *outer]
    pen.fill([(side * x, y) for x, y in path], person.hair)
    for shift in (0.14, 0.3):
        strand = [
            (part + shift, -1.16),
            (edge + shift * 0.8, -0.6),
            (edge + 0.08 + shift, 0.3),
            (edge + 0.2 + shift, 1.5),
        ]
        pen.line([(side * x, y) for x, y in strand], sheen(person), 0.03)


def draw_tail(pen: Pen, head: Head, person: Person, loose: bool) -> None:
    """A knot of hair with a red cord, or a tail down the back."""
    if person.pose == "frontal":
        pen.shape([(-0.22, -1.25), (-0.2, -1.6), (0.2, -1.6), (0.22, -1.25)], person.hair, SUMI, 0.03)
        pen.band([(-0.2, -1.3), (0.2, -1.3)], VERMILION, 0.08)
        return
    x, y = head.back
    if loose:
        tail = [(x - 0.12, y - 0.15), (x + 0.28, y + 0.1), (x + 0.32, y + 0.9), (x + 0.2, y + 1.5), (x + 0.02, y + 0.9)]
        pen.fill([*tail, (x - 0.08, y + 0.25)], person.hair)
        pen.band([(x - 0.02, y - 0.14), (x + 0.06, y + 0.18)], VERMILION, 0.09)
        return
    pen.shape(
        [(x - 0.2, -1.0), (x + 0.1, -1.34), (x + 0.4, -1.1), (x + 0.26, -0.72), (x - 0.02, -0.74)], person.hair, SUMI
    )
    pen.band([(x - 0.2, -1.02), (x + 0.02, -0.74)], VERMILION, 0.09)


def draw_wild(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    """A demon's mane, standing on end behind the head."""
    middle, reach = head.middle, 1.22
    spikes = []
    for angle in np.linspace(-0.25 * np.pi, 1.25 * np.pi, 19):
        far = reach + float(rng.uniform(0.18, 0.42))
        for shift, radius in ((-0.07, reach), (0.0, far), (0.0, far)):
            x, y = np.cos(angle + shift), -np.sin(angle + shift)
            spikes.append((middle + radius * x * 0.95, -0.25 + radius * y))
    pen.shape(spikes, person.hair, blend(person.hair, SUMI, 0.6), 0.03)
