"""Aligned columns for people."""

import unicodedata
from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], texts: int = 2) -> list[str]:
    """The first `texts` columns to the left, the others, which are numbers, to the right."""
    widths = [max(_columns(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell + blanks if place < texts else blanks + cell
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
            for blanks in (" " * (width - _columns(cell)),)
        ).rstrip()
        for row in rows
    ]


def _columns(text: str) -> int:
    """How wide a terminal shows it: Chinese and Japanese letters take two columns."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
