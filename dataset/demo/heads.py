"""Where things are in a face, for each pose; head coordinates, the face looks to the left, chin at y = 1."""

from dataclasses import dataclass

Point = tuple[float, float]
Path = tuple[Point, ...]


def mirrored(half: Path) -> Path:
    """A closed symmetrical outline from its right half, given from top to bottom."""
    return (*half, *((-x, y) for x, y in reversed(half) if x != 0))


@dataclass(frozen=True, kw_only=True)
class Head:
    """The plan of one pose."""

    skull: Path  # the whole bare head, face included
    eyes: tuple[tuple[Point, float], ...]  # centre and half length
    nose: Path
    nostril: Path
    mouth: Point
    mouth_half: tuple[float, float]  # reach to the left and to the right of its centre
    ears: tuple[Point, ...]
    cheeks: tuple[Point, ...]
    chin: Point
    jaw: Path  # along the lower edge of the face, where a beard grows
    hairline: Path  # hair of the sides and back, seen under a cap
    crown: Path  # hair of the whole head
    far_lock: Path  # hair on the far side of the forehead
    sideburn: Point
    back: Point  # behind the head, where a knot or a tail hangs
    middle: float  # x of the middle of the skull


THREE_QUARTER = Head(
    skull=(
        (-0.02, -1.2),
        (-0.42, -1.05),
        (-0.68, -0.7),
        (-0.72, -0.34),
        (-0.67, -0.12),
        (-0.76, 0.2),
        (-0.68, 0.58),
        (-0.4, 0.93),
        (-0.12, 1.0),
        (0.3, 0.86),
        (0.66, 0.5),
        (0.9, 0.05),
        (1.02, -0.4),
        (0.92, -0.85),
        (0.5, -1.16),
    ),
    eyes=(((-0.46, -0.1), 0.16), ((0.1, -0.08), 0.23)),
    nose=((-0.33, -0.12), (-0.42, 0.06), (-0.54, 0.28), (-0.5, 0.38), (-0.33, 0.36)),
    nostril=((-0.3, 0.26), (-0.24, 0.32), (-0.29, 0.38)),
    mouth=(-0.31, 0.61),
    mouth_half=(0.13, 0.17),
    ears=((0.7, 0.06),),
    cheeks=((-0.56, 0.3), (0.22, 0.3)),
    chin=(-0.2, 0.99),
    jaw=((-0.66, 0.6), (-0.4, 0.93), (-0.12, 1.0), (0.3, 0.86), (0.58, 0.58)),
    hairline=(
        (-0.45, -1.0),
        (-0.3, -0.84),
        (0.15, -0.8),
        (0.4, -0.56),
        (0.46, -0.2),
        (0.46, 0.24),
        (0.46, 0.24),
        (0.6, -0.08),
        (0.78, 0.0),
        (0.84, 0.42),
        (0.84, 0.42),
        (1.05, 0.05),
        (1.13, -0.45),
        (0.98, -0.95),
        (0.4, -1.2),
    ),
    crown=(
        (-0.62, -0.72),
        (-0.3, -0.86),
        (0.12, -0.8),
        (0.38, -0.52),
        (0.45, -0.2),
        (0.46, 0.24),
        (0.46, 0.24),
        (0.6, -0.08),
        (0.78, 0.0),
        (0.84, 0.42),
        (0.84, 0.42),
        (1.07, 0.05),
        (1.16, -0.45),
        (1.0, -0.98),
        (0.5, -1.32),
        (-0.05, -1.36),
        (-0.48, -1.14),
    ),
    far_lock=((-0.52, -1.0), (-0.6, -0.7), (-0.68, -0.28), (-0.68, -0.28), (-0.77, -0.6), (-0.7, -0.95)),
    sideburn=(0.46, 0.1),
    back=(1.05, -0.5),
    middle=0.14,
)
PROFILE = Head(
    skull=(
        (-0.1, -1.18),
        (-0.42, -0.95),
        (-0.58, -0.6),
        (-0.6, -0.22),
        (-0.59, -0.08),
        (-0.68, 0.12),
        (-0.78, 0.27),
        (-0.76, 0.34),
        (-0.62, 0.39),
        (-0.66, 0.5),
        (-0.65, 0.55),
        (-0.59, 0.59),
        (-0.64, 0.67),
        (-0.57, 0.75),
        (-0.58, 0.88),
        (-0.42, 1.01),
        (-0.12, 0.94),
        (0.3, 0.68),
        (0.72, 0.4),
        (1.0, -0.05),
        (1.04, -0.5),
        (0.85, -0.95),
        (0.4, -1.2),
    ),
    eyes=(((-0.36, -0.1), 0.18),),
    nose=(),
    nostril=((-0.62, 0.22), (-0.56, 0.3), (-0.64, 0.37)),
    mouth=(-0.53, 0.59),
    mouth_half=(0.09, 0.17),
    ears=((0.34, 0.08),),
    cheeks=((-0.22, 0.3),),
    chin=(-0.48, 0.99),
    jaw=((-0.57, 0.84), (-0.46, 1.0), (-0.12, 0.94), (0.12, 0.8), (0.3, 0.62)),
    hairline=(
        (-0.4, -1.0),
        (-0.22, -0.84),
        (-0.02, -0.7),
        (0.08, -0.36),
        (0.1, 0.22),
        (0.1, 0.22),
        (0.24, -0.08),
        (0.44, -0.02),
        (0.58, 0.5),
        (0.58, 0.5),
        (0.98, 0.14),
        (1.14, -0.42),
        (0.98, -0.95),
        (0.4, -1.22),
    ),
    crown=(
        (-0.5, -0.86),
        (-0.22, -0.8),
        (-0.02, -0.64),
        (0.08, -0.36),
        (0.1, 0.22),
        (0.1, 0.22),
        (0.24, -0.08),
        (0.44, -0.02),
        (0.58, 0.5),
        (0.58, 0.5),
        (1.0, 0.14),
        (1.17, -0.42),
        (1.02, -0.98),
        (0.5, -1.32),
        (0.0, -1.32),
        (-0.36, -1.12),
    ),
    far_lock=(),
    sideburn=(0.1, 0.1),
    back=(1.08, -0.45),
    middle=0.2,
)
FRONTAL = Head(
    skull=mirrored(
        ((0.0, -1.2), (0.45, -1.1), (0.78, -0.75), (0.84, -0.3), (0.82, 0.1), (0.74, 0.5), (0.44, 0.9), (0.0, 1.02))
    ),
    eyes=(((-0.36, -0.08), 0.22), ((0.36, -0.08), 0.22)),
    nose=((0.05, -0.02), (0.0, 0.12), (-0.12, 0.3), (-0.08, 0.38), (0.1, 0.37)),
    nostril=((0.13, 0.28), (0.17, 0.34), (0.1, 0.38)),
    mouth=(0.0, 0.62),
    mouth_half=(0.16, 0.16),
    ears=((-0.84, 0.06), (0.84, 0.06)),
    cheeks=((-0.46, 0.3), (0.46, 0.3)),
    chin=(0.0, 1.0),
    jaw=((-0.7, 0.55), (-0.44, 0.9), (0.0, 1.02), (0.44, 0.9), (0.7, 0.55)),
    hairline=mirrored(
        ((0.0, -1.2), (0.6, -1.12), (0.94, -0.7), (0.95, -0.1), (0.8, 0.24), (0.8, 0.24), (0.7, -0.3), (0.5, -0.72),
         (0.0, -0.84))
    ),
    crown=mirrored(
        ((0.0, -1.38), (0.6, -1.24), (0.97, -0.75), (0.97, -0.1), (0.8, 0.24), (0.8, 0.24), (0.7, -0.3), (0.5, -0.72),
         (0.0, -0.84))
    ),
    far_lock=(),
    sideburn=(0.76, 0.1),
    back=(0.0, -1.2),
    middle=0.0,
)  # fmt: skip
HEADS: dict[str, Head] = {"three-quarter": THREE_QUARTER, "profile": PROFILE, "frontal": FRONTAL}
