"""Aligned columns for people."""

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]], texts: int = 2) -> list[str]:
    """The first `texts` columns to the left, the others, which are numbers, to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place < texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
