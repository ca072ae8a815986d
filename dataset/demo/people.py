"""Who is drawn: status, gender, pose and dress, in about the shares in which KaoKore has them."""

from dataclasses import dataclass

import numpy as np

from dataset.demo.pen import Frame
from dataset.demo.pigments import DEMON_SKIN, HAIR, PALETTES, PLAIN_SKIN, POWDERED, TANNED, Colour, Palette
from torch_utils.labels import LabelSet

LABEL_SETS: tuple[LabelSet, ...] = (
    LabelSet(name="gender", classes=("male", "female")),
    LabelSet(name="status", classes=("noble", "warrior", "incarnation", "commoner")),
)
POSES: tuple[str, ...] = ("three-quarter", "profile", "frontal")

STATUS_SHARES = {"noble": 0.49, "warrior": 0.33, "incarnation": 0.09, "commoner": 0.09}
FEMALE_SHARES = {"noble": 0.38, "warrior": 0.03, "incarnation": 0.22, "commoner": 0.25}
POSE_SHARES = {"three-quarter": 0.7, "profile": 0.18, "frontal": 0.12}
DRESS_SHARES: dict[tuple[str, str], dict[str, float]] = {
    ("noble", "male"): {"tall cap": 0.55, "court cap": 0.45},
    ("noble", "female"): {"long hair": 1.0},
    ("warrior", "male"): {"topknot": 0.38, "helmet": 0.34, "folded cap": 0.28},
    ("warrior", "female"): {"headband": 1.0},
    ("incarnation", "male"): {"horns": 0.85, "halo": 0.15},
    ("incarnation", "female"): {"horns": 0.25, "halo": 0.75},
    ("commoner", "male"): {"headcloth": 0.4, "straw hat": 0.3, "tied hair": 0.3},
    ("commoner", "female"): {"headcloth": 0.55, "straw hat": 0.15, "tied hair": 0.3},
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """Everything that is decided before the first line is drawn."""

    status: str
    gender: str
    pose: str
    dress: str
    frame: Frame
    palette: Palette
    skin: Colour
    hair: Colour
    eyes_open: float  # 0 a slit … 1 wide open
    brows_painted: bool
    beard: str  # none, moustache, goatee, both, stubble, full

    @property
    def labels(self) -> dict[str, int]:
        """Class indices by label set."""
        return {"gender": LABEL_SETS[0].index(self.gender), "status": LABEL_SETS[1].index(self.status)}

    @property
    def is_demon(self) -> bool:
        """Whether horns, fangs and coloured skin are due."""
        return self.dress == "horns"


def choose(rng: np.random.Generator, shares: dict[str, float]) -> str:
    """Draw one name with the probabilities given (they add up to 1)."""
    return str(rng.choice(list(shares), p=list(shares.values())))


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Draw one colour, all equally likely."""
    return colours[int(rng.integers(len(colours)))]


def invent(rng: np.random.Generator) -> Person:
    """Make up one person."""
    status = choose(rng, STATUS_SHARES)
    gender = "female" if rng.random() < FEMALE_SHARES[status] else "male"
    dress = choose(rng, DRESS_SHARES[status, gender])
    pose = choose(rng, POSE_SHARES)
    beard, old = _beard(rng, status, gender, dress)
    return Person(
        status=status,
        gender=gender,
        pose=pose,
        dress=dress,
        frame=_frame(rng, gender),
        palette=PALETTES[int(rng.integers(len(PALETTES)))],
        skin=_skin(rng, status, gender, dress),
        hair=(182, 176, 168) if old else HAIR,
        eyes_open=float(rng.uniform(0.75, 1.0) if dress == "horns" else rng.uniform(0.0, 0.5)),
        brows_painted=status == "noble" and bool(rng.random() < (0.85 if gender == "female" else 0.4)),
        beard=beard,
    )


def _frame(rng: np.random.Generator, gender: str) -> Frame:
    return Frame(
        centre=(0.5 + float(rng.normal(0, 0.018)), 0.55 + float(rng.normal(0, 0.014))),
        scale=float(np.clip(rng.normal(0.262, 0.011), 0.235, 0.29)),
        tilt=float(np.clip(rng.normal(-0.05, 0.1), -0.28, 0.22)),
        mirrored=bool(rng.random() < 0.5),
        width=float(rng.uniform(0.92, 1.06)) * (0.97 if gender == "female" else 1.0),
        fullness=float(rng.uniform(-0.05, 0.07)),
        sway=(
            float(rng.uniform(0, 0.035)),
            float(rng.uniform(0, 0.03)),
            float(rng.uniform(0, 6.28)),
            float(rng.uniform(0, 6.28)),
        ),
    )


def _skin(rng: np.random.Generator, status: str, gender: str, dress: str) -> Colour:
    if dress == "horns":
        return pick(rng, DEMON_SKIN)
    if dress == "halo" or (status == "noble" and (gender == "female" or rng.random() < 0.55)):
        return pick(rng, POWDERED)
    return pick(rng, TANNED if status == "commoner" and gender == "male" else PLAIN_SKIN)


def _beard(rng: np.random.Generator, status: str, gender: str, dress: str) -> tuple[str, bool]:
    if gender == "female" or dress in ("horns", "halo"):
        return "none", False
    old = bool(rng.random() < 0.08)
    if old:
        return "full", True
    shares = {
        "noble": {"none": 0.6, "goatee": 0.15, "both": 0.15, "moustache": 0.1},
        "warrior": {"none": 0.3, "goatee": 0.1, "both": 0.3, "moustache": 0.3},
        "commoner": {"none": 0.3, "stubble": 0.55, "moustache": 0.15},
    }
    return choose(rng, shares[status]), False
