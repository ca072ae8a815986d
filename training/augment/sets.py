"""Named sets of augmentations. A new one is one line."""

from dataclasses import dataclass

from training.augment.bands import Bands
from training.augment.blit import Blit
from training.augment.colour import Colour
from training.augment.cutout import Cutout
from training.augment.geometry import Geometry
from training.augment.noise import Noise


@dataclass(frozen=True, kw_only=True)
class Families:
    """Which families of augmentation there are, in the order they are applied, and how far each goes."""

    blit: Blit | None = None
    geometry: Geometry | None = None
    colour: Colour | None = None
    filter: Bands | None = None
    noise: Noise | None = None
    cutout: Cutout | None = None


_B, _G, _C, _F, _N, _O = Blit(), Geometry(), Colour(), Bands(), Noise(), Cutout()

# The names are those of Karras et al. 2020 (ADA), table of augmentations; `faces` is our own.
SETS: dict[str, Families] = {
    "none": Families(),
    "blit": Families(blit=_B),
    "geom": Families(geometry=_G),
    "color": Families(colour=_C),
    "filter": Families(filter=_F),
    "noise": Families(noise=_N),
    "cutout": Families(cutout=_O),
    "bg": Families(blit=_B, geometry=_G),
    "bgc": Families(blit=_B, geometry=_G, colour=_C),
    "bgcf": Families(blit=_B, geometry=_G, colour=_C, filter=_F),
    "bgcfn": Families(blit=_B, geometry=_G, colour=_C, filter=_F, noise=_N),
    "bgcfnc": Families(blit=_B, geometry=_G, colour=_C, filter=_F, noise=_N, cutout=_O),
    # Faces stand upright and skin is skin-coloured: no quarter turns, two turns of at most 10 degrees, little hue.
    "faces": Families(
        blit=Blit(quarter_turns=False),
        geometry=Geometry(turn_before=10.0, turn_after=10.0),
        colour=Colour(luma_flip=False, hue=18.0, saturation_std=0.5),
    ),
}
