import errno
import json
import os
import signal
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataset.archive import Archive
from dataset.convert import Conversion
from dataset.pack import PackOptions, pack
from tests.support.drawn_pictures import blocks, encoded, foreign_zip, picture_files, read_back, write_folder, write_zip
from torch_utils.errors import ConfigError, DataError, StorageError

HEADER = "image,gender,status,set\n"


def run_pack(folder: Path, out: Path, *, main_set: str | None = None, **options: Any) -> list[str]:
    """Pack at 32 pixels unless told otherwise; the notes."""
    keys = ("resolution", "crop", "filter", "format", "quality")
    conversion = Conversion(**{"resolution": 32} | {key: options.pop(key) for key in keys if key in options})
    notes: list[str] = []
    pack(folder, out, PackOptions(conversion=conversion, main_set=main_set, **options), notes.append)
    return notes


def kaokore_files(prefix: str = "", width: int = 32) -> dict[str, bytes | str]:
    """Pictures 0 to 3, rows for 0, 1, 2 and 9."""
    rows = "00000002.jpg,1,3,dev\n00000000.jpg,0,1,train\n00000009.jpg,0,0,test\n00000001.jpg,1,0,train\n"
    pictures = {f"{prefix}images_256/{n:08d}.jpg": encoded(blocks(n, width), "JPEG") for n in range(4)}
    return pictures | {f"{prefix}labels.csv": HEADER + rows}


def test_a_folder_becomes_the_fields_zip(tmp_path: Path) -> None:
    run_pack(write_folder(tmp_path / "in", picture_files(3)), tmp_path / "out.zip")
    pictures, document = read_back(tmp_path / "out.zip")
    assert list(pictures) == [f"00000/img{number:08d}.png" for number in range(3)]
    for number, picture in enumerate(pictures.values()):
        np.testing.assert_array_equal(picture, np.asarray(blocks(number)))
    assert document["labels"] is None


def test_pictures_are_stored_not_deflated(tmp_path: Path) -> None:
    run_pack(write_folder(tmp_path / "in", picture_files(2)), tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_our_reader_reads_what_was_packed(tmp_path: Path) -> None:
    run_pack(write_folder(tmp_path / "in", picture_files(5)), tmp_path / "out.zip")
    archive = Archive.open(tmp_path / "out.zip")
    expected = np.stack([np.asarray(blocks(number)).transpose(2, 0, 1) for number in range(5)])
    np.testing.assert_array_equal(archive.load(archive.indices(None)).numpy(), expected)
    assert archive.digest == archive.manifest.digest


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "in", picture_files(12, 48))
    for name in ("a.zip", "b.zip"):
        run_pack(source, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_folder_and_a_zip_of_it_give_the_same_bytes(tmp_path: Path) -> None:
    files = {f"{name}/{number}.png": encoded(blocks(number)) for number in range(4) for name in ("cat", "dog")}
    run_pack(write_folder(tmp_path / "in", files), tmp_path / "a.zip")
    run_pack(write_zip(tmp_path / "in.zip", dict(reversed(files.items())), zipfile.ZIP_DEFLATED), tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_jpeg_archives_are_smaller_and_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    source = write_folder(tmp_path / "in", {"a.png": encoded(Image.fromarray(noise))})
    run_pack(source, tmp_path / "png.zip", resolution=64)
    run_pack(source, tmp_path / "jpeg.zip", resolution=64, format="jpeg", quality=50)
    assert Archive.open(tmp_path / "jpeg.zip").names == ("00000/img00000000.jpg",)
    assert (tmp_path / "jpeg.zip").stat().st_size < (tmp_path / "png.zip").stat().st_size / 2


def test_folders_change_after_a_thousand_pictures(tmp_path: Path) -> None:
    small = encoded(blocks(0, 4))
    source = write_zip(tmp_path / "in.zip", {f"{number:04d}.png": small for number in range(1001)})
    run_pack(source, tmp_path / "out.zip", resolution=4)
    assert Archive.open(tmp_path / "out.zip").names[-2:] == ("00000/img00000999.png", "00001/img00001000.png")


@pytest.mark.parametrize("prefix", ["", "kaokore/"])
@pytest.mark.parametrize("zipped", [False, True])
def test_kaokore_labels_splits_and_licence(tmp_path: Path, prefix: str, zipped: bool) -> None:
    files = kaokore_files(prefix)
    source = write_zip(tmp_path / "in.zip", files) if zipped else write_folder(tmp_path / "in", files)
    run_pack(source, tmp_path / "out.zip")
    archive = Archive.open(tmp_path / "out.zip")
    assert [label_set.name for label_set in archive.label_sets] == ["gender", "status"]
    assert archive.labels.tolist() == [[0, 1], [1, 0], [1, 3], [-1, -1]]
    assert archive.splits == ("train", "train", "dev", None)
    assert (archive.source, archive.licence) == ("KaoKore (edited labels)", "CC BY-SA 4.0")
    assert archive.attribution.endswith("doi:10.20676/00000353")
    assert archive.manifest.original_names["00000/img00000002.png"] == "images_256/00000002.jpg"


def test_kaokore_notes_count_rows_without_picture_and_pictures_without_row(tmp_path: Path) -> None:
    notes = "\n".join(run_pack(write_folder(tmp_path / "in", kaokore_files()), tmp_path / "out.zip"))
    assert "1 of 4 rows name pictures that are not there (00000009.jpg)" in notes
    assert "1 pictures have no row and stay unlabelled (images_256/00000003.jpg)" in notes
    assert "providers of the pictures ask that no derived data set" in notes


def test_kaokore_labels_of_other_pictures_are_refused(tmp_path: Path) -> None:
    files = {f"images_256/x{n}.jpg": encoded(blocks(n), "JPEG") for n in range(2)}
    with pytest.raises(DataError, match="none of its 1 rows names a picture in images_256/"):
        run_pack(
            write_folder(tmp_path / "in", files | {"labels.csv": HEADER + "a.jpg,0,0,dev\n"}), tmp_path / "out.zip"
        )


def test_sub_folders_become_classes(tmp_path: Path) -> None:
    files = {f"pets/{name}/{n}.png": encoded(blocks(n)) for name in ("dog", "cat") for n in range(2)}
    run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip")
    archive = Archive.open(tmp_path / "out.zip")
    assert [(s.name, s.classes) for s in archive.label_sets] == [("folder", ("cat", "dog"))]
    assert archive.labels.tolist() == [[0], [0], [1], [1]]


def test_pictures_beside_class_folders_are_unlabelled(tmp_path: Path) -> None:
    files = {"cat/0.png": encoded(blocks(0)), "zebra.png": encoded(blocks(1))}
    notes = run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip")
    assert Archive.open(tmp_path / "out.zip").labels.tolist() == [[0], [-1]]
    assert any("folder: 1 of 2 pictures have no label" in note for note in notes)
    assert read_back(tmp_path / "out.zip")[1]["labels"] is None


def test_numbered_shards_are_no_classes(tmp_path: Path) -> None:
    files = {f"{n:05d}/img{n}.png": encoded(blocks(n)) for n in range(3)}
    run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip")
    assert Archive.open(tmp_path / "out.zip").label_sets == ()


def test_labels_of_a_dataset_json_are_kept(tmp_path: Path) -> None:
    names = [f"00000/img{number:08d}.png" for number in range(3)]
    source = foreign_zip(tmp_path / "in.zip", [[names[0], 1], [names[1], 0], [names[2], 1]], width=32)
    run_pack(source, tmp_path / "out.zip")
    pictures, document = read_back(tmp_path / "out.zip")
    assert document["labels"] == [[name, index] for name, index in zip(pictures, [1, 0, 1], strict=True)]


def test_a_dataset_json_of_a_folder_may_describe_absent_pictures(tmp_path: Path) -> None:
    description = json.dumps({"labels": [["0.png", 1], ["1.png", 0], ["gone.png", 1]]})
    source = write_folder(tmp_path / "in", picture_files(2) | {"dataset.json": description})
    notes = run_pack(source, tmp_path / "out.zip")
    assert any("describes 1 pictures that are not there (gone.png)" in note for note in notes)
    assert Archive.open(tmp_path / "out.zip").labels.tolist() == [[1], [0]]


def test_packing_an_archive_again_keeps_labels_gaps_splits_and_provenance(tmp_path: Path) -> None:
    run_pack(write_folder(tmp_path / "in", kaokore_files()), tmp_path / "big.zip")
    run_pack(tmp_path / "big.zip", tmp_path / "small.zip", resolution=16)
    big, small = Archive.open(tmp_path / "big.zip"), Archive.open(tmp_path / "small.zip")
    assert (small.label_sets, small.splits) == (big.label_sets, big.splits)
    assert small.labels.tolist() == big.labels.tolist()
    assert small.manifest.original_names == big.manifest.original_names
    assert small.manifest.redistribution == big.manifest.redistribution != ""
    assert (small.source, small.licence, small.attribution) == (big.source, big.licence, big.attribution)
    assert small.digest != big.digest


def test_labels_other_trainers_read_are_written_for_a_complete_set(tmp_path: Path) -> None:
    files = kaokore_files()
    del files["images_256/00000003.jpg"]
    notes = run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip", main_set="status")
    names, document = read_back(tmp_path / "out.zip")
    assert document["labels"] == [[name, index] for name, index in zip(names, [1, 0, 3], strict=True)]
    assert not any("null" in note for note in notes)


def test_labels_other_trainers_read_are_null_when_there_are_gaps(tmp_path: Path) -> None:
    notes = run_pack(write_folder(tmp_path / "in", kaokore_files()), tmp_path / "out.zip", main_set="status")
    document = read_back(tmp_path / "out.zip")[1]
    assert document["labels"] is None
    assert document["label_sets"]["status"] == {
        "classes": ["noble", "warrior", "incarnation", "commoner"],
        "labels": {f"00000/img{n:08d}.png": index for n, index in enumerate([1, 0, 3, None])},
    }
    assert any("status: 1 of 4 pictures have no label, so the key 'labels'" in note for note in notes)


def test_an_unknown_label_set_is_refused(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "in", kaokore_files())
    with pytest.raises(ConfigError, match="--labels rank: no such label set. Use one of: gender, status."):
        run_pack(source, tmp_path / "out.zip", main_set="rank")


def test_texts_given_by_the_user_replace_those_of_the_source(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "in", kaokore_files())
    run_pack(source, tmp_path / "out.zip", source="mine", licence="CC0", attribution="me")
    archive = Archive.open(tmp_path / "out.zip")
    assert (archive.source, archive.licence, archive.attribution) == ("mine", "CC0", "me")


def test_too_small_pictures_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    files = picture_files(3, 64) | {"3.png": encoded(blocks(3, 20, 200))}
    with pytest.raises(DataError, match=r"1 of 4 pictures are smaller than 32 pixels \(first: 3.png, 20×200\)"):
        run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip")
    assert not list(tmp_path.glob("*out*"))


def test_enlarging_is_done_and_said_when_allowed(tmp_path: Path) -> None:
    source = write_folder(tmp_path / "in", picture_files(2, 20))
    notes = run_pack(source, tmp_path / "out.zip", allow_upscale=True)
    assert notes == ["2 of 2 pictures are enlarged (first: 0.png, 20×20)"]
    assert Archive.open(tmp_path / "out.zip").resolution == 32


def test_without_cropping_oblong_pictures_are_refused(tmp_path: Path) -> None:
    files = picture_files(2) | {"2.png": encoded(blocks(2, 199, 200))}
    with pytest.raises(DataError, match=r"1 of 3 pictures are not square \(first: 2.png, 199×200\). Use --crop center"):
        run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip", crop="none")


def test_animations_are_told(tmp_path: Path) -> None:
    animation = encoded(blocks(0), save_all=True, append_images=[blocks(1)])
    notes = run_pack(write_folder(tmp_path / "in", {"a.png": animation}), tmp_path / "out.zip")
    assert notes == ["1 files hold several pictures; the first of each is taken (first: a.png)"]


def test_unreadable_pictures_are_listed_and_fail_the_run(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    files = picture_files(3) | {"8.png": encoded(Image.fromarray(noise))[:5000], "9.jpg": b"hello"}
    notes: list[str] = []
    options = PackOptions(conversion=Conversion(resolution=32))
    with pytest.raises(DataError, match=r"2 of 5 pictures cannot be read \(first: 8.png: damaged .*add --skip-bad"):
        pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip", options, notes.append)
    assert [note.split(":")[1] for note in notes] == [" 8.png", " 9.jpg"]
    assert not list(tmp_path.glob("*out*"))


def test_skip_bad_leaves_unreadable_pictures_out_and_numbers_on(tmp_path: Path) -> None:
    files = {"a/0.png": encoded(blocks(0)), "a/1.png": b"hello", "b/2.png": encoded(blocks(2))}
    notes = run_pack(write_folder(tmp_path / "in", files), tmp_path / "out.zip", skip_bad=True)
    archive = Archive.open(tmp_path / "out.zip")
    assert len(archive) == 2
    assert archive.labels.tolist() == [[0], [1]]
    assert archive.manifest.original_names["00000/img00000001.png"] == "b/2.png"
    assert notes == ["unreadable: a/1.png: not a picture (PNG, JPEG, WebP, TIFF or BMP)"]


def test_nothing_readable_fails_even_with_skip_bad(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 1 pictures can be read"):
        run_pack(write_folder(tmp_path / "in", {"a.png": b"hello"}), tmp_path / "out.zip", skip_bad=True)


def test_a_source_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pictures"):
        run_pack(write_folder(tmp_path / "in", {"a.txt": "x"}), tmp_path / "out.zip")


def test_hostile_names_and_links_in_a_zip_write_nothing_outside(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    (tmp_path / "work").mkdir()
    source = write_zip(
        tmp_path / "work" / "in.zip",
        {"ok.png": encoded(blocks(0)), "../up.png": encoded(blocks(1)), "/abs.png": encoded(blocks(2))},
    )
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr(link, "/etc/hostname")
    notes = run_pack(source, tmp_path / "work" / "out.zip", skip_bad=True)
    assert len(notes) == 3
    assert len(Archive.open(tmp_path / "work" / "out.zip")) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in.zip", "out.zip", "work"]


def test_a_full_disk_leaves_no_file_and_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_folder(tmp_path / "in", picture_files(3))
    (tmp_path / "out.zip").write_bytes(b"old")

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(StorageError, match="out.zip: no space left on the disk"):
        run_pack(source, tmp_path / "out.zip")
    assert (tmp_path / "out.zip").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.zip"]


def test_the_source_is_never_written_over(tmp_path: Path) -> None:
    source = write_zip(tmp_path / "a.zip", picture_files(1))
    with pytest.raises(ConfigError, match="is the source itself"):
        run_pack(source, source)


def test_the_result_must_be_called_a_zip(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"not the name of a zip file. Use for example .*faces.zip"):
        run_pack(write_folder(tmp_path / "in", picture_files(1)), tmp_path / "faces")


def test_a_killed_packing_leaves_no_target(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    picture = encoded(Image.fromarray(noise), compress_level=0)
    write_zip(tmp_path / "in.zip", {f"{number}.png": picture for number in range(60)})
    program = (
        "from dataset.pack import pack, PackOptions; from dataset.convert import Conversion\n"
        "pack('in.zip', 'out.zip', PackOptions(conversion=Conversion(resolution=512)), print)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.zip.tmp-*")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out.zip").exists()


def test_real_kaokore_pictures_pack_with_their_counts(shared: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(shared / "data" / "kaokore-v1.3-train.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")][::100]
        files = {name: archive.read(name) for name in [*names, "kaokore/labels.csv"]}
    notes = run_pack(write_zip(tmp_path / "in.zip", files), tmp_path / "out.zip", resolution=64)
    packed = Archive.open(tmp_path / "out.zip")
    assert (len(packed), packed.source) == (len(names), "KaoKore v1.3")
    assert any("of 9257 rows name pictures that are not there" in note for note in notes)
    with pytest.raises(DataError, match=r"pictures are smaller than 256 pixels \(first: .*, 200×200\)"):
        run_pack(tmp_path / "in.zip", tmp_path / "out.zip", resolution=256)
