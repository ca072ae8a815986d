import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from dataset.archive import Archive
from dataset.convert import Conversion
from dataset.iiif.collect import Collected, CollectOptions, collect
from dataset.iiif.commands import iiif
from dataset.pack import PackOptions, pack
from dataset.web.manners import Manners
from tests.support.drawn_curation import BASE, HOST, documents
from tests.support.fake_iiif import Server, Style, page, serve
from torch_utils.errors import ConfigError, DataError

QUICK = Manners(interval=0.0, first_wait=0.01, max_wait=0.05, slowest=0.01)
STYLES = {"version 2": Style(version=2), "version 3": Style(version=3, enlarges=False)}


def collected(server: Server, out: Path, source: str = f"{BASE}/curation/faces.json", **more: Any) -> Collected:
    server.documents.update(documents())
    options = CollectOptions(size=64, moved={HOST: server.base(HOST)}, manners=QUICK)
    return collect(source, out, replace(options, **more), lambda line: None)


def shown(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("source", ["curation/faces.json", "book/B003/manifest.json"])
def test_regions_become_pictures_of_one_size(tmp_path: Path, source: str, style: str) -> None:
    with serve(style=STYLES[style]) as server:
        found = collected(server, tmp_path / "out", f"{BASE}/{source}")
    assert (found.there, found.failed) == (4, {})
    for number in range(4):
        assert shown(tmp_path / "out" / "pictures" / f"{number:06d}.png").shape == (64, 64, 3)
    first = Image.fromarray(page("iiif/p1", 240, 160, 192, 192)).resize((64, 64), Image.Resampling.LANCZOS)
    assert np.abs(shown(tmp_path / "out" / "pictures" / "000000.png") - np.asarray(first).astype(int)).mean() < 3


def test_labels_get_kaokores_names_where_they_are_its_own(tmp_path: Path) -> None:
    with serve() as server:
        found = collected(server, tmp_path / "out")
    assert found.label_sets == ("gender", "status", "direction", "巻")
    pack(tmp_path / "out", tmp_path / "out.zip", PackOptions(conversion=Conversion(resolution=64)), lambda line: None)
    archive = Archive.open(tmp_path / "out.zip")
    sets = {label_set.name: label_set.classes for label_set in archive.label_sets}
    assert sets["status"] == ("noble", "warrior", "incarnation", "commoner")
    named = [
        [s.classes[i] if i >= 0 else None for s, i in zip(archive.label_sets, row, strict=True)]
        for row in archive.labels.tolist()
    ]
    assert named == [
        ["male", "noble", "three-quarter", "下"],
        ["female", "commoner", "profile", "上"],
        ["female", "noble", "frontal", "下"],
        ["male", None, None, "上"],  # a priest, seen from nobody knows where
    ]
    assert (archive.source, archive.attribution) == ("IIIF: 顔貌サンプル", "Somebody")
    crop = archive.manifest.crops[archive.names[0]]
    assert (crop.page, crop.book) == (f"{HOST}/iiif/p1", f"{BASE}/book/B001/manifest.json")


def test_labels_that_make_no_set_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    with serve() as server:
        server.documents.update(documents())
        options = CollectOptions(size=64, moved={HOST: server.base(HOST)}, manners=QUICK)
        collect(f"{BASE}/curation/faces.json", tmp_path / "out", options, said.append)
    assert "no label set from タグ: several values of one picture" in said


def test_nothing_is_asked_for_twice(tmp_path: Path) -> None:
    with serve() as server:
        collected(server, tmp_path / "out")
        pictures = [request.path for request in server.log if request.path.endswith(".jpg")]
        collected(server, tmp_path / "out")
        assert [request.path for request in server.log if request.path.endswith(".jpg")] == pictures
    assert len(pictures) == len(set(pictures)) == 4


@pytest.mark.parametrize("square", ["crop", "keep"])
def test_oblong_regions_may_be_cropped_or_kept(tmp_path: Path, square: Any) -> None:
    with serve() as server:
        collected(server, tmp_path / "out", square=square)
    oblong = shown(tmp_path / "out" / "pictures" / "000002.png")
    assert (oblong[0].max() == 0) == (square == "keep")  # black above what is twice as wide as high


def test_what_cannot_be_had_is_told_and_the_rest_is_fetched(tmp_path: Path) -> None:
    changed = documents()
    members = changed[f"{HOST}/curation/faces.json"]["selections"][0]["members"]
    members[1]["@id"] = members[1]["@id"].replace("p10", "p1000")
    members[3]["@id"] = members[3]["@id"].split("#")[0] + "#xywh=5000,0,10,10"
    with serve() as server:
        server.documents.update(changed)
        options = CollectOptions(size=64, moved={HOST: server.base(HOST)}, manners=QUICK)
        found = collect(f"{BASE}/curation/faces.json", tmp_path / "out", options, lambda line: None)
    assert found.there == 2
    assert "has no canvas http://library.example/book/B001/canvas/p1000" in found.failed["000001.png"]
    assert "lies outside the page" in found.failed["000003.png"]
    assert len((tmp_path / "out" / "failed.tsv").read_text().splitlines()) == 3


def test_documents_can_lie_on_the_disk(tmp_path: Path) -> None:
    for name, document in documents().items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))
    source = str(tmp_path / "docs" / HOST / "curation" / "faces.json")
    with serve() as server:
        options = CollectOptions(size=64, moved={HOST: server.base(HOST)}, manners=QUICK)
        options = replace(options, documents=tmp_path / "docs", offline=True)
        found = collect(source, tmp_path / "out", options, lambda line: None)
        assert all(request.path.endswith(".jpg") for request in server.log)
    assert found.there == 4


def test_offline_asks_for_no_document(tmp_path: Path) -> None:
    options = CollectOptions(size=64, manners=QUICK, offline=True)
    with pytest.raises(DataError, match="not among the local documents"):
        collect(f"{BASE}/curation/faces.json", tmp_path / "out", options, lambda line: None)


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost:9", "10.0.0.1", "[::1]", "169.254.169.254"])
def test_a_document_cannot_send_us_into_a_private_network(tmp_path: Path, host: str) -> None:
    changed = documents()
    changed[f"{HOST}/curation/faces.json"]["selections"][0]["within"] = f"http://{host}/manifest.json"
    with serve() as server:
        server.documents.update(changed)
        options = CollectOptions(size=64, moved={HOST: server.base(HOST)}, manners=QUICK)
        found = collect(f"{BASE}/curation/faces.json", tmp_path / "out", options, lambda line: None)
    assert found.there == 0
    assert all("a host of a private network. Add --allow-host" in reason for reason in found.failed.values())


@pytest.mark.parametrize("text", ["[]", "<html>", "{}", '{"@type": "sc:Collection"}'])
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"a\.json: (not JSON|not a JSON object|of type)"):
        collect(str(tmp_path / "a.json"), tmp_path / "out", CollectOptions(), lambda line: None)
    assert not (tmp_path / "out").exists()


def test_a_folder_keeps_to_one_collection(tmp_path: Path) -> None:
    with serve() as server:
        collected(server, tmp_path / "out")
        with pytest.raises(ConfigError, match="holds another collection, or one of another size"):
            collected(server, tmp_path / "out", size=32)


def test_the_command_says_what_came_of_it(tmp_path: Path) -> None:
    with serve() as server:
        server.documents.update(documents())
        words = [f"{BASE}/curation/faces.json", "--out", tmp_path / "out", "--size", 64, "--interval", 0]
        words += ["--base-url-map", f"{HOST}={server.base(HOST)}"]
        result = CliRunner().invoke(iiif, list(map(str, words)), catch_exceptions=False, standalone_mode=False)
    assert result.return_value == 0
    assert "4 pictures, 0 failed; label sets: gender, status, direction, 巻" in result.output
