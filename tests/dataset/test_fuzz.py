"""Damaged archives: whatever happens to the bytes, an archive reads as it was packed or is refused in one line."""

import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataset import report
from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces
from torch_utils.errors import UserError

pytestmark = pytest.mark.slow
ROUNDS = 500


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "faces.zip"
    pack_drawn_faces(path, count=6, resolution=32, seed=0)
    return path


def flip(content: bytearray, draw: random.Random) -> None:
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def overwrite(content: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(content))
    content[start : start + draw.randrange(1, 64)] = draw.randbytes(draw.randrange(64))


def cut(content: bytearray, draw: random.Random) -> None:
    del content[draw.randrange(len(content)) :]


def double(content: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(content))
    content[start:start] = content[start : start + draw.randrange(1, 2000)]


def test_damaged_bytes_are_refused_or_read_as_packed(packed, tmp_path):
    good, draw = packed.read_bytes(), random.Random(11)
    pictures = Archive.open(packed).load(np.arange(6))
    damaged, refused = tmp_path / "damaged.zip", 0
    for round_number in range(ROUNDS):
        content = bytearray(good)
        change = draw.choice([flip, flip, overwrite, cut, double])
        change(content, draw)
        damaged.write_bytes(content)
        try:
            archive = Archive.open(damaged)
            read = archive.load(np.arange(len(archive)))
            report.verify(archive)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        assert read.equal(pictures), (round_number, change.__name__)
    assert refused > ROUNDS / 2


def wrong_values(draw: random.Random) -> Any:
    return draw.choice([None, True, -1, 0, 1.5, 1e400, "", "x", "\n", [], [[]], {}, {"a": None}, [None] * 6, 2**70])


def replace_somewhere(value: Any, draw: random.Random) -> Any:
    """The same JSON with one value, at any depth, replaced, removed or renamed."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        key = draw.choice(list(value))
        action = draw.random()
        if action < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if action < 0.2:
            return {(k if k != key else k + "x"): v for k, v in value.items()}
        return {**value, key: replace_somewhere(value[key], draw)}
    if isinstance(value, list) and value and draw.random() < 0.85:
        place = draw.randrange(len(value))
        return [*value[:place], replace_somewhere(value[place], draw), *value[place + 1 :]]
    return wrong_values(draw)


def test_any_dataset_json_is_read_or_refused_in_one_line(packed, tmp_path):
    draw, changed = random.Random(12), tmp_path / "changed.zip"
    with zipfile.ZipFile(packed) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(entries.pop("dataset.json"))
    uses: list[Callable[[Archive], Any]] = [report.summary, report.label_table, lambda a: a.labels, lambda a: a.splits]
    refused = 0
    for _ in range(ROUNDS):
        with zipfile.ZipFile(changed, "w") as archive:
            for name, content in entries.items():
                archive.writestr(name, content)
            archive.writestr("dataset.json", json.dumps(replace_somewhere(manifest, draw)))
        try:
            opened = Archive.open(changed)
            for use in uses:
                use(opened)
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
    assert 0 < refused < ROUNDS
