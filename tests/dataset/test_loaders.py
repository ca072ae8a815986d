import csv
import importlib.util
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from dataset.convert import Conversion
from dataset.kaokore.adopt import adopt
from dataset.kaokore.folder import KaokoreFolder
from dataset.pack import PackOptions, pack
from dataset.torch_kaokore import Kaokore
from tests.support.drawn_kaokore import drawn_index, face, lines_of, write_download
from torch_utils.errors import ConfigError, DataError

LINES = lines_of(60)


def make(base: Path, kind: str, without: list[int]) -> Path:
    """A folder as the official script leaves it, one of ours, or a zip."""
    images = write_download(base / "in", LINES, without=without)
    if kind == "official":
        return images
    adopt(images, drawn_index(LINES), KaokoreFolder(base / "own", "1.3", "official", True), lambda line: None)
    if kind == "own":
        return base / "own"
    pack(base / "own", base / "k.zip", PackOptions(conversion=Conversion(resolution=32)), lambda line: None)
    return base / "k.zip"


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    made: dict[tuple[str, bool], Path] = {}

    def root(kind: str, whole: bool = True) -> Path:
        if (kind, whole) not in made:
            without = [] if whole else [line.number for line in LINES if line.split == "test"][:2]
            made[kind, whole] = make(tmp_path_factory.mktemp(kind), kind, without)
        return made[kind, whole]

    return root


def official_entries(root: Path, split: str, category: str) -> list[tuple[str, int]]:
    """What the official loader's `entries` hold, by its documented behaviour: rows of the split whose file is there."""
    with (root / "labels.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["set"] == split]
    return [(r["image"], int(r[category])) for r in rows if (root / "images_256" / r["image"]).exists()]


@pytest.mark.parametrize("category", ["gender", "status"])
@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_entries_are_those_of_the_official_loader_in_its_order(roots, split: str, category: str) -> None:
    data = Kaokore(roots("official"), split, category, None)
    assert data.entries == official_entries(roots("official"), split, category)
    assert (data.split, data.category, data.transform, len(data)) == (split, category, None, len(data.entries))


def test_defaults_are_those_of_the_official_loader(roots) -> None:
    data = Kaokore(roots("official"))
    assert data.entries == official_entries(roots("official"), "train", "gender")
    assert data.classes == ["male", "female"]
    assert data.class_to_idx == {"male": 0, "female": 1}


@pytest.mark.parametrize("kind", ["official", "own"])
def test_a_folder_gives_the_files_pictures(roots, kind: str) -> None:
    data = Kaokore(roots(kind), "dev", "status")
    for index, (name, label) in enumerate(data.entries):
        picture, found = data[index]
        assert (picture.mode, picture.size, found) == ("RGB", (256, 256), label)
        path = roots(kind) / "images_256" / name
        with Image.open(path) as original:
            assert np.array_equal(np.asarray(picture), np.asarray(original.convert("RGB")))


def test_a_zip_gives_the_same_labels_as_its_folder(roots) -> None:
    folder, zipped = (Kaokore(roots(kind), "train", "status") for kind in ("own", "zip"))
    assert sorted(label for _, label in zipped.entries) == sorted(label for _, label in folder.entries)
    picture, _ = zipped[0]
    assert (picture.mode, picture.size) == ("RGB", (32, 32))


def test_the_transform_is_applied(roots) -> None:
    data = Kaokore(roots("own"), "dev", "gender", lambda picture: np.asarray(picture).mean())
    assert isinstance(data[0][0], float)


def test_other_label_sets_and_several_at_once(roots) -> None:
    direction = Kaokore(roots("own"), "all", "direction")
    assert direction.classes == ["frontal", "three-quarter", "profile", "back"]
    assert len(direction) == sum(line.number % 6 < 4 for line in LINES)  # the others' tag says nothing
    with_gaps = Kaokore(roots("own"), "all", "direction", unlabelled=True)
    assert len(with_gaps) == len(LINES)
    assert {label for _, label in with_gaps.entries} == {-1, 0, 1, 2, 3}
    both = Kaokore(roots("own"), "dev", ("gender", "status"))
    assert both[0][1] == both.entries[0][1] == (Kaokore(roots("own"), "dev", "gender")[0][1], both.entries[0][1][1])


def test_validation_means_dev(roots) -> None:
    assert Kaokore(roots("own"), "validation").entries == Kaokore(roots("own"), "dev").entries


@pytest.mark.parametrize("kind", ["official", "own", "zip"])
def test_missing_files_are_refused_unless_asked_for(roots, kind: str) -> None:
    with pytest.raises(DataError, match=r"2 of 11 pictures of split test are missing"):
        Kaokore(roots(kind, False), "test", "gender")
    data = Kaokore(roots(kind, False), "test", "gender", strict=False)
    assert (len(data), data.missing) == (9, [line.name for line in LINES if line.split == "test"][:2])
    assert len(Kaokore(roots(kind, False), "dev", "gender")) > 0  # the other splits are whole


@pytest.mark.parametrize("kind", ["own", "zip"])
def test_what_is_not_there_is_named(roots, kind: str) -> None:
    with pytest.raises(ConfigError, match=r"no split 'valid'\. Use one of: all, dev, test, train"):
        Kaokore(roots(kind), "valid")
    with pytest.raises(ConfigError, match=r"no category 'age'\. Use one of: gender, status, direction"):
        Kaokore(roots(kind), "train", "age")


def test_a_folder_of_other_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(face(1))
    with pytest.raises(DataError, match=r"no labels\.csv beside images_256"):
        Kaokore(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    root = write_download(tmp_path / "in", LINES)
    name = Kaokore(root).entries[0][0]
    (root / "images_256" / name).write_bytes(face(1)[:400])
    with pytest.raises(DataError, match=rf"{name}: damaged"):
        Kaokore(root)[0]


@pytest.mark.parametrize("kind", ["own", "zip"])
def test_it_can_be_sent_to_workers(roots, kind: str) -> None:
    data = pickle.loads(pickle.dumps(Kaokore(roots(kind), "dev", "status", _mean)))
    loaded = [label for _, labels in DataLoader(data, batch_size=4) for label in labels.tolist()]
    assert loaded == [label for _, label in data.entries]


def _mean(picture: Any) -> float:
    return float(np.asarray(picture).mean())


PROGRAM = """
import sys
import numpy as np
from dataset.tf_kaokore import kaokore
from dataset.torch_kaokore import Kaokore
from torch_utils.errors import DataError
for root in sys.argv[1:3]:
    ours, theirs = kaokore(root, "validation", "status"), Kaokore(root, "dev", "status")
    assert int(ours.cardinality()) == len(theirs) > 0
    for (pixels, label), (picture, expected) in zip(ours, theirs):
        assert (pixels.dtype.name, label.dtype.name, int(label)) == ("uint8", "int64", expected)
        assert np.array_equal(pixels.numpy(), np.asarray(picture))
    batch, labels = next(iter(ours.shuffle(10, seed=1).batch(4)))
    assert batch.shape[0] == 4 and batch.shape[3] == 3
try:
    kaokore(sys.argv[3], "test", "gender")
except DataError as error:
    print(error)
"""


def test_the_tensorflow_loader_gives_what_the_other_gives(roots, repository: Path) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("tensorflow-cpu is not installed")
    arguments = [roots("own"), roots("zip"), roots("own", False)]
    result = subprocess.run(  # a process of its own: TensorFlow's threads and warnings are nothing to the other tests
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert result.returncode == 0, result.stderr
    assert "2 of 11 pictures of split test are missing" in result.stdout
