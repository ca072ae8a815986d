"""Pictures of results: the confusion matrix, and a contact sheet of confident mistakes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_INK, _PAPER, _FULL = (30, 30, 36), (255, 255, 255), (38, 70, 120)
_CELL, _TEXT, _EDGE = 72, 14, 12  # a cell's least side; letters; gaps
_MOST_LETTERS = 16


def confusion_picture(counts: np.ndarray, names: Sequence[str], title: str) -> np.ndarray:
    """The matrix with its counts; a cell's blue is its share of the true class (row).

    Args:
        counts: int [true, predicted].
    Returns:
        uint8 [H, W, 3]
    """
    font, shown = ImageFont.load_default(_TEXT), [_readable(name, index) for index, name in enumerate(names)]
    margin = round(max(font.getlength(name) for name in [*shown, "true"])) + 2 * _EDGE
    each = max(_CELL, *(round(font.getlength(name)) + 10 for name in shown))
    side = each * len(names)
    top = 3 * (_TEXT + _EDGE)
    width = max(margin + side + _EDGE, round(font.getlength(title)) + 2 * _EDGE)
    image = Image.new("RGB", (width, top + side + _EDGE), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_EDGE, _EDGE), title, _INK, font)
    draw.text((_EDGE, top - _TEXT - 8), "true", _INK, font)
    draw.text((margin, top - 2 * _TEXT - 14), "predicted", _INK, font)
    for column, name in enumerate(shown):
        draw.text((margin + each * column + each // 2, top - _TEXT), name, _INK, font, anchor="mm")
    for row, name in enumerate(shown):
        draw.text((margin - _EDGE, top + each * row + each // 2), name, _INK, font, anchor="rm")
        total = max(1, int(counts[row].sum()))
        for column in range(len(names)):
            _cell(draw, (margin + each * column, top + each * row), each, int(counts[row, column]), total, font)
    return np.asarray(image)


def _cell(draw: ImageDraw.ImageDraw, corner: tuple[int, int], side: int, count: int, total: int, font) -> None:
    share = count / total
    colour = tuple(round(p + (f - p) * share) for p, f in zip(_PAPER, _FULL, strict=True))
    x, y = corner
    draw.rectangle((x, y, x + side - 2, y + side - 2), fill=colour, outline=(210, 210, 214))
    ink = _PAPER if share > 0.5 else _INK
    draw.text((x + side // 2, y + side // 2 - 9), str(count), ink, font, anchor="mm")
    draw.text((x + side // 2, y + side // 2 + 9), f"{share:.0%}", ink, font, anchor="mm")


def contact_sheet(pictures: np.ndarray, captions: Sequence[Sequence[str]], columns: int, side: int = 128) -> np.ndarray:
    """Pictures with lines of text below each.

    Args:
        pictures: uint8 [N, C, H, W]; shown at `side` pixels.
        captions: as many lines for each.
    Returns:
        uint8 [H, W, 3]
    """
    font = ImageFont.load_default(_TEXT)
    lines = max(len(caption) for caption in captions)
    height = side + lines * (_TEXT + 4) + _EDGE
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    image = Image.new("RGB", (columns * (side + _EDGE) + _EDGE, rows * height + _EDGE), _PAPER)
    draw = ImageDraw.Draw(image)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = _EDGE + index % columns * (side + _EDGE), _EDGE + index // columns * height
        array = picture.transpose(1, 2, 0)
        shown = Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array).convert("RGB")
        image.paste(shown.resize((side, side), Image.Resampling.LANCZOS), (x, y))
        for line, text in enumerate(caption):
            draw.text((x, y + side + 3 + line * (_TEXT + 4)), _shortened(text, font, side), _INK, font)
    return np.asarray(image)


def _readable(name: str, index: int) -> str:
    """Pillow's own font has Latin letters only: other names are shown by their number."""
    return name[:_MOST_LETTERS] if name.isascii() else f"class {index}"


def _shortened(text: str, font, width: float) -> str:
    while font.getlength(text) > width and len(text) > 1:
        text = text.removesuffix("…")[:-1] + "…"
    return text
