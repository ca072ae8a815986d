"""The size of a canvas. Strokes know only fractions of it, so one painting can be drawn at any size."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Canvas:
    """Height and width in pixels; the centre of pixel (i, j) lies at row i + ½, column j + ½."""

    height: int
    width: int

    @property
    def unit(self) -> int:
        """The shorter side, in pixels: what a stroke's thickness is a fraction of."""
        return min(self.height, self.width)

    def scaled(self, unit: int) -> "Canvas":
        """The same shape, with a shorter side of `unit` pixels."""
        scale = unit / self.unit
        return Canvas(max(unit, round(self.height * scale)), max(unit, round(self.width * scale)))

    def place(self, fractions: Tensor) -> Tensor:
        """(row, column) as fractions of the sides, [..., 2] → pixels."""
        return fractions * fractions.new_tensor([self.height, self.width])
