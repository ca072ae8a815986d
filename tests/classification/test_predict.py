"""classify.py predict: pictures, folders, and an archive's unlabelled pictures."""

import csv
import hashlib

import numpy as np
import pytest
from PIL import Image

from classification.predict import predict, predict_files
from classification.snapshot import load_classifier
from dataset.archive import Archive
from tests.support.tiny_classifier import train_tiny
from tests.support.tiny_run import disc
from torch_utils.errors import ConfigError, DataError


@pytest.fixture
def folder(tmp_path):
    """Red and blue discs as files, of another size and not square."""
    rng = np.random.default_rng(1)
    for index, name in enumerate(("red", "blue")):
        picture = disc(64, index, 2, rng)
        Image.fromarray(np.pad(picture, ((0, 0), (16, 16), (0, 0)), mode="edge")).save(tmp_path / f"{name}.png")
    return tmp_path


def test_pictures_of_a_folder_get_the_names_they_should(trained, folder):
    found = list(predict(load_classifier(trained.snapshot), [folder]))
    assert [(item.picture, item.name) for item in found] == [
        (str(folder / "blue.png"), "blue"),
        (str(folder / "red.png"), "red"),
    ]
    assert sum(found[0].probabilities) == pytest.approx(1)


def test_a_line_says_the_class_and_the_likeliest_ones(trained, folder):
    (said,) = predict_files(trained.snapshot, [folder / "red.png"], None, "cpu")
    assert said.startswith(f"{folder / 'red.png'}  colour=red ") and "(red " in said and ", blue " in said


def test_unlabelled_pictures_of_an_archive_go_into_a_csv_and_the_archive_stays(discs, tmp_path):
    trained = train_tiny(discs, tmp_path / "run", label="size", epochs=1)  # two discs have no size
    before = hashlib.sha256(discs.read_bytes()).hexdigest()
    (said,) = predict_files(trained.snapshot, [discs], tmp_path / "p.csv", "cpu")
    assert said == f"{tmp_path / 'p.csv'}: predictions of size, rows: 2; no archive was changed"
    rows = list(csv.reader((tmp_path / "p.csv").read_text().splitlines()))
    assert rows[0] == ["image", "size", "probability", "p(small)", "p(middle)", "p(large)"]
    assert [row[0] for row in rows[1:]] == list(Archive.open(discs).names[-2:])
    assert all(float(row[2]) == max(map(float, row[3:])) for row in rows[1:])
    assert hashlib.sha256(discs.read_bytes()).hexdigest() == before
    assert len(list(predict(load_classifier(trained.snapshot), [discs], every=True))) == 100


def test_an_archive_without_gaps_says_so(trained, discs):
    (said,) = predict_files(trained.snapshot, [discs], None, "cpu")
    assert said == f"{discs}: nothing to predict, every picture has a colour. Add --all for those too."


def test_an_archive_without_gaps_says_so_beside_pictures_too(trained, discs, tmp_path):
    Image.new("RGB", (16, 16), "red").save(tmp_path / "red.png")
    nothing, said = predict_files(trained.snapshot, [discs, tmp_path / "red.png"], tmp_path / "p.csv", "cpu")
    assert nothing.startswith(f"{discs}: nothing to predict")
    assert said == f"{tmp_path / 'p.csv'}: predictions of colour, rows: 1; no archive was changed"


def test_bad_paths_are_refused(trained, tmp_path):
    loaded = load_classifier(trained.snapshot)
    with pytest.raises(DataError, match="absent.png: no such file or folder"):
        list(predict(loaded, [tmp_path / "absent.png"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        list(predict(loaded, [tmp_path / "empty"]))
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"broken.png: cannot be read \(not a picture"):
        list(predict(loaded, [tmp_path / "broken.png"]))
    with pytest.raises(ConfigError, match="never into an archive"):
        list(predict_files(trained.snapshot, [tmp_path / "broken.png"], tmp_path / "out.zip", "cpu"))
