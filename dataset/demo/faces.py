"""Draw one face: ground, body, head, hair, headgear, age, in the order in which the layers cover each other."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from dataset.demo import features, hair, headgear, paper, robes
from dataset.demo.heads import HEADS, Head
from dataset.demo.pen import Pen
from dataset.demo.people import Person, invent, pick
from dataset.demo.pigments import AZURITE, GOFUN, HAIR, MALACHITE, PERSIMMON, PURPLE, VERMILION, Colour
from torch_utils.errors import DataError
from torch_utils.seeds import derive

RESOLUTIONS = (16, 1024)  # smallest and largest
LACINGS: tuple[Colour, ...] = (VERMILION, AZURITE, MALACHITE, PURPLE, PERSIMMON)
MANES: tuple[Colour, ...] = (HAIR, (196, 74, 38), (224, 214, 196), (206, 148, 62))


@dataclass(frozen=True, kw_only=True)
class DrawnFace:
    """A picture, uint8 [R, R, 3], with the class index of each label set, and its pose."""

    picture: np.ndarray
    labels: dict[str, int]
    pose: str


def draw_faces(count: int, resolution: int, seed: int = 0) -> Iterator[DrawnFace]:
    """Draw faces 0 … count-1 of a seed.

    Raises:
        DataError: a resolution below 16 or above 1024.
    """
    for index in range(count):
        yield draw_face(seed, index, resolution)


def draw_face(seed: int, index: int, resolution: int) -> DrawnFace:
    """Draw one face, a function of seed and index: the same person at each resolution, the same bytes each time.

    Raises:
        DataError: a resolution below 16 or above 1024.
    """
    smallest, largest = RESOLUTIONS
    if not smallest <= resolution <= largest:
        raise DataError(
            f"resolution {resolution}: faces are drawn from {smallest} to {largest} pixels. Choose one in between."
        )
    rng = np.random.default_rng(derive(seed, "face", index))
    person = invent(rng)
    oversampling = 4 if resolution <= 128 else 3 if resolution <= 256 else 2
    side = resolution * oversampling
    image = Image.new("RGB", (side, side), person.palette.ground)
    # small pictures need bolder lines, or the features fade into the skin
    pen = Pen(image, person.frame, boldness=0.95 + 16 / resolution)
    _draw_person(rng, pen, person)
    small = image.resize((resolution, resolution), Image.Resampling.LANCZOS)
    return DrawnFace(picture=paper.age(rng, np.asarray(small)), labels=person.labels, pose=person.pose)


def _draw_person(rng: np.random.Generator, pen: Pen, person: Person) -> None:
    head, body = HEADS[person.pose], pen.steady()
    lacing = pick(rng, LACINGS)
    paper.paint_ground(rng, pen, person.palette)
    if person.is_demon:
        person = replace(person, hair=pick(rng, MANES))
        hair.draw_wild(rng, pen, head, person)
    if person.dress == "halo":
        headgear.draw_halo(rng, pen, head)
    robes.draw_body(rng, body, head, person, lacing)
    if person.dress == "helmet":
        headgear.draw_neck_guard(pen, head, lacing, GOFUN, behind=True)
    if person.dress == "long hair":
        hair.draw_long_back(pen, head, person)
    features.draw_skull(rng, pen, head, person)
    _draw_hair(rng, pen, head, person)
    features.draw_features(rng, pen, head, person)
    if person.dress == "long hair":
        hair.draw_long_front(rng, pen, head, person)
    else:
        features.draw_inner_ear(pen, head, person)
    _draw_headgear(rng, pen, head, person, lacing)


def _draw_hair(rng: np.random.Generator, pen: Pen, head: Head, person: Person) -> None:
    if person.dress == "topknot":
        hair.draw_topknot(pen, head, person)
    elif person.dress in ("tied hair", "headband"):
        hair.draw_tail(pen, head, person, loose=person.gender == "female")
        hair.draw_full(rng, pen, head, person)
    elif person.dress in ("halo", "horns"):
        hair.draw_full(rng, pen, head, person)
    elif person.dress != "long hair":
        hair.draw_capped(pen, head, person)


def _draw_headgear(rng: np.random.Generator, pen: Pen, head: Head, person: Person, lacing: Colour) -> None:
    match person.dress:
        case "tall cap":
            headgear.draw_tall_cap(rng, pen, head)
        case "court cap":
            headgear.draw_court_cap(rng, pen, head)
        case "folded cap":
            headgear.draw_folded_cap(rng, pen, head)
        case "helmet":
            headgear.draw_chin_cord(pen, head, VERMILION)
            headgear.draw_neck_guard(pen, head, lacing, GOFUN, behind=False)
            headgear.draw_helmet(rng, pen, head, lacing)
        case "headband":
            headgear.draw_headband(rng, pen, head)
        case "headcloth":
            headgear.draw_headcloth(rng, pen, head)
        case "straw hat":
            headgear.draw_chin_cord(pen, head, person.palette.robes[0], 0.04)
            headgear.draw_straw_hat(rng, pen, head)
        case "horns":
            headgear.draw_horns(rng, pen, head)
        case "halo":
            headgear.draw_crown(rng, pen, head, person)
