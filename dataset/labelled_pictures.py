"""The pictures of one split with their classes, from a KaoKore folder or a packed zip: what the loaders share."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from dataset.archive import Archive
from dataset.convert import upright
from dataset.decode import PictureError, decode, open_header
from dataset.find_facts import facts_of
from dataset.sources import open_source
from torch_utils.errors import ConfigError, DataError
from torch_utils.labels import UNLABELLED, LabelSet

ALIASES = {"validation": "dev", "val": "dev"}  # what other libraries call it


class LabelledPictures:
    """Entries of a split in the order of labels.csv (of a zip: of its names), and the pictures behind them.

    Attributes:
        entries: (file name, class index of each category).
        missing: files that labels.csv names and that are not there; "" where a zip has only their number.
    """

    def __init__(self, root: Path | str, split: str, categories: Sequence[str], *, strict: bool, unlabelled: bool):
        self.root = Path(root)
        self.split = ALIASES.get(split, split)
        self._archive: Archive | None = None
        self.missing: list[str] = []
        rows = self._of_folder() if self.root.is_dir() else self._of_zip()
        self.label_sets = tuple(_named(self._all_sets, category, self.root) for category in categories)
        if strict:
            self._check_missing()
        places = [self._all_sets.index(label_set) for label_set in self.label_sets]
        chosen = ((name, tuple(labels[place] for place in places)) for name, labels in rows)
        self.entries = [(name, labels) for name, labels in chosen if unlabelled or UNLABELLED not in labels]
        if not self.entries:
            raise DataError(
                f"{self.root}: split {split} holds no picture with a label. Choose another split or category."
            )

    def picture(self, index: int) -> Image.Image:
        """A picture in RGB, of the size it is stored at.

        Raises:
            DataError: damaged.
        """
        name = self.entries[index][0]
        if self._archive:
            pixels = self._archive.picture(self._place[name])
            return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
        try:
            picture = open_header((self._folder / name).read_bytes())
            decode(picture)
            return upright(picture)
        except (PictureError, OSError) as error:
            raise DataError(f"{self._folder / name}: {error}. Fetch it again.") from error

    def array(self, index: int) -> np.ndarray:
        """A picture as uint8 [H, W, 3]."""
        return np.asarray(self.picture(index))

    def _of_folder(self) -> list[tuple[str, list[int]]]:
        with open_source(self.root) as source:
            facts = facts_of(source)
        if not facts.splits:
            raise DataError(f"{self.root}: no labels.csv beside images_256. Give a folder or zip of KaoKore.")
        self._all_sets = facts.label_sets
        self._folder = self.root / PurePosixPath(facts.pictures[0]).parent
        there = set(facts.pictures)
        names = [name for name, split in facts.splits.items() if self.split in ("all", split)]
        self._check_split(set(facts.splits.values()))
        self.missing = [PurePosixPath(name).name for name in names if name not in there]
        self._asked = len(names)
        if self.split == "all":
            names += [name for name in facts.pictures if name not in facts.splits]
        return [
            (PurePosixPath(name).name, [facts.labels[s.name].get(name, UNLABELLED) for s in self._all_sets])
            for name in names
            if name in there
        ]

    def _of_zip(self) -> list[tuple[str, list[int]]]:
        archive = self._archive = Archive.open(self.root)
        self._all_sets = archive.label_sets
        self._place = {name: place for place, name in enumerate(archive.names)}
        self._check_split(set(archive.split_names))
        chosen = archive.indices(self.split)
        lacking = archive.manifest.lacking
        count = sum(lacking.values()) if self.split == "all" else lacking.get(self.split, 0)
        named = archive.manifest.lacking_names
        names = [name for split, found in named.items() if self.split in ("all", split) for name in found]
        self.missing = [*names, *[""] * (count - len(names))]
        self._asked = len(chosen) + count
        return [(archive.names[place], archive.labels[place].tolist()) for place in chosen]

    def _check_split(self, there: set[str]) -> None:
        if self.split != "all" and self.split not in there:
            known = ", ".join(["all", *sorted(there)])
            raise ConfigError(f"{self.root}: no split '{self.split}'. Use one of: {known}.")

    def _check_missing(self) -> None:
        if self.missing:
            first = f" (first: {self.missing[0]})" if self.missing[0] else ""
            raise DataError(
                f"{self.root}: {len(self.missing)} of {self._asked} pictures of split {self.split} are missing{first}. "
                "Scores on a part are not those of the whole. Fetch them, or give strict=False to take what is there."
            )


def _named(label_sets: Sequence[LabelSet], name: str, root: Path) -> LabelSet:
    for label_set in label_sets:
        if label_set.name == name:
            return label_set
    there = ", ".join(label_set.name for label_set in label_sets) or "none"
    raise ConfigError(f"{root}: no category '{name}'. Use one of: {there}.")
