"""KaoKore for PyTorch: the official loader's arguments and attributes, but nothing is left out unsaid.

from dataset.torch_kaokore import Kaokore
train = Kaokore("kaokore", "train", "status", transform)
picture, label = train[0]
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from dataset.labelled_pictures import LabelledPictures


class Kaokore(Dataset[tuple[Any, Any]]):
    """The labelled pictures of one split.

    Args:
        root: folder with labels.csv and images_256 (or images_native), or a zip that dataset_tool.py pack made.
        split: train, dev (also called validation), test, or all.
        category: gender, status, or any label set there is (direction, era, holder, work); several names give a tuple.
        transform: applied to the picture (PIL, RGB).
        strict: raise where files of the split are missing; False takes what is there and lists the others in `missing`.
        unlabelled: also give pictures without label, as -1; else they are left out.

    Attributes:
        entries: (file name, label), in the order of labels.csv; with several categories the label is a tuple.
        classes: class names in index order (of several categories: a tuple of such).
        class_to_idx: {class name: index}, of the first category.
        missing: names of files that are not there; "" where a zip has only their number.

    Raises:
        DataError: missing or damaged files, no labels.
        ConfigError: no such split or category.
    """

    def __init__(
        self,
        root: Path | str,
        split: str = "train",
        category: str | Sequence[str] = "gender",
        transform: Callable[[Any], Any] | None = None,
        *,
        strict: bool = True,
        unlabelled: bool = False,
    ):
        single = isinstance(category, str)
        categories = [category] if isinstance(category, str) else list(category)
        self.root, self.split, self.category, self.transform = root, split, category, transform
        self._pictures = LabelledPictures(root, split, categories, strict=strict, unlabelled=unlabelled)
        self.entries = [(name, labels[0] if single else labels) for name, labels in self._pictures.entries]
        names = tuple(label_set.classes for label_set in self._pictures.label_sets)
        self.classes = list(names[0]) if single else names
        self.class_to_idx = {name: index for index, name in enumerate(names[0])}
        self.missing = self._pictures.missing

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = self._pictures.picture(index)
        return (self.transform(picture) if self.transform else picture), self.entries[index][1]
