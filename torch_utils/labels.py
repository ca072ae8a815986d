"""Label sets (gender, status, …): names, class indices with gaps, one-hot codes with a column for "unlabelled"."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torch_utils.errors import ConfigError

UNLABELLED = -1


@dataclass(frozen=True, kw_only=True)
class LabelSet:
    """One question asked of every picture, and its possible answers in index order."""

    name: str
    classes: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of its one-hot code: the classes and one more for unlabelled pictures."""
        return len(self.classes) + 1

    def index(self, class_name: str) -> int:
        """Index of a class by name; "unlabelled" is UNLABELLED.

        Raises:
            ConfigError: no class of that name, listing those there are.
        """
        if class_name == "unlabelled":
            return UNLABELLED
        if class_name not in self.classes:
            raise ConfigError(
                f"{self.name}={class_name}: no such class. Use one of {', '.join(self.classes)} or unlabelled."
            )
        return self.classes.index(class_name)


def label_dim(label_sets: Sequence[LabelSet]) -> int:
    """Width of the conditioning vector: 0 when there are no label sets."""
    return sum(label_set.width for label_set in label_sets)


def encode(indices: Tensor, label_sets: Sequence[LabelSet]) -> Tensor:
    """Concatenate one one-hot code per label set.

    Args:
        indices: class indices, [N, len(label_sets)], int64, UNLABELLED (-1) where there is none.
    Returns:
        [N, label_dim(label_sets)], float32; each row holds a single 1 per set.
    """
    codes = [
        torch.nn.functional.one_hot(column.where(column >= 0, len(label_set.classes)), label_set.width)
        for column, label_set in zip(indices.unbind(1), label_sets, strict=True)
    ]
    return torch.cat([*codes, indices.new_zeros(len(indices), 0)], dim=1).float()


def parse_choices(choices: Sequence[str], label_sets: Sequence[LabelSet]) -> dict[str, int]:
    """Read `status=warrior` style choices into {set name: class index}.

    Raises:
        ConfigError: not of the form set=class, no such set, no such class, or a set named twice.
    """
    by_name = {label_set.name: label_set for label_set in label_sets}
    chosen: dict[str, int] = {}
    for choice in choices:
        name, equals, class_name = choice.partition("=")
        if not equals:
            raise ConfigError(f"--class {choice}: not of the form set=class, for example status=warrior.")
        if name not in by_name:
            there = ", ".join(by_name) if by_name else "none, it was trained without --cond"
            raise ConfigError(f"--class {choice}: no label set '{name}' in this network (label sets: {there}).")
        if name in chosen:
            raise ConfigError(f"--class {choice}: {name} is given twice. Give each label set once.")
        chosen[name] = by_name[name].index(class_name)
    return chosen
