"""Mineral pigments and the palettes a painter would have laid out together."""

from dataclasses import dataclass

Colour = tuple[int, int, int]

SUMI: Colour = (30, 26, 27)  # soot ink
GOFUN: Colour = (246, 240, 226)  # shell white
VERMILION: Colour = (208, 70, 42)
ROUGE: Colour = (176, 38, 44)
RED_OCHRE: Colour = (150, 66, 46)
MALACHITE: Colour = (58, 126, 92)
PALE_GREEN: Colour = (146, 178, 130)
AZURITE: Colour = (44, 88, 148)
PALE_BLUE: Colour = (132, 168, 186)
INDIGO: Colour = (44, 56, 92)
YELLOW_OCHRE: Colour = (212, 164, 76)
GOLD: Colour = (218, 176, 88)
PURPLE: Colour = (112, 74, 120)
PINK: Colour = (226, 158, 146)
PERSIMMON: Colour = (222, 122, 62)
TEA: Colour = (128, 92, 62)
GREY: Colour = (128, 124, 118)
IVORY: Colour = (238, 222, 180)

HAIR: Colour = (34, 29, 32)
LACQUER: Colour = (24, 22, 26)
LIPS: Colour = (196, 44, 40)
BLUSH: Colour = (226, 120, 96)

POWDERED: tuple[Colour, ...] = ((250, 242, 228), (248, 234, 216), (246, 230, 208))
PLAIN_SKIN: tuple[Colour, ...] = ((244, 216, 180), (240, 206, 168), (246, 224, 194), (234, 196, 154))
TANNED: tuple[Colour, ...] = ((222, 172, 124), (212, 158, 110), (230, 184, 138))
DEMON_SKIN: tuple[Colour, ...] = ((204, 78, 54), (196, 62, 48), (92, 138, 178), (108, 158, 172), (110, 152, 104))


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours that go together: the ground behind, a second tone for clouds and screens, and those for robes."""

    ground: Colour
    second: Colour
    robes: tuple[Colour, ...]


PALETTES: tuple[Palette, ...] = (
    Palette(ground=(222, 196, 152), second=(236, 216, 176), robes=(VERMILION, MALACHITE, INDIGO, GOFUN, YELLOW_OCHRE)),
    Palette(ground=(206, 176, 132), second=(188, 156, 112), robes=(RED_OCHRE, INDIGO, TEA, GOFUN, MALACHITE)),
    Palette(ground=(228, 208, 170), second=(148, 182, 188), robes=(AZURITE, VERMILION, GOFUN, PURPLE, PALE_GREEN)),
    Palette(ground=(214, 176, 96), second=(236, 206, 134), robes=(VERMILION, AZURITE, MALACHITE, GOFUN, PURPLE)),
    Palette(ground=(112, 156, 116), second=(146, 180, 136), robes=(VERMILION, PERSIMMON, GOFUN, PURPLE, YELLOW_OCHRE)),
    Palette(ground=(86, 140, 108), second=(214, 184, 116), robes=(VERMILION, GOFUN, INDIGO, PINK, YELLOW_OCHRE)),
    Palette(ground=(150, 176, 178), second=(206, 204, 178), robes=(VERMILION, RED_OCHRE, INDIGO, PURPLE, GOFUN)),
    Palette(ground=(196, 122, 84), second=(216, 152, 106), robes=(AZURITE, MALACHITE, GOFUN, INDIGO, YELLOW_OCHRE)),
)


def blend(first: Colour, second: Colour, amount: float) -> Colour:
    """Mix two colours: amount 0 gives the first, 1 the second."""
    red, green, blue = (round(a + (b - a) * amount) for a, b in zip(first, second, strict=True))
    return red, green, blue
