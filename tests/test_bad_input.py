"""Bad input, one row each: one line, exit status 2, no traceback, nothing made and nothing lost."""

import importlib
import json
import pickle
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.support.tiny_run import TINY, png, write_archive
from tests.training.test_run import start
from torch_utils import cli

PICTURE = np.full((16, 16, 3), 90, np.uint8)


@dataclass(frozen=True)
class World:
    """What the rows may use: a good archive, a good snapshot, and an empty folder."""

    data: Path
    snapshot: Path
    run: Path
    folder: Path

    def zip(self, name: str, entries: dict[str, bytes]) -> Path:
        path = self.folder / name
        with zipfile.ZipFile(path, "w") as archive:
            for entry, content in entries.items():
                archive.writestr(entry, content)
        return path

    def train(self, data: Path, *more: object) -> list[object]:
        settings = [part for setting in TINY for part in ("--set", setting)]
        out = self.folder / "out"
        return ["train", "--data", data, "--outdir", out, "--gpus", 0, "--kimg", 0.016, "--batch", 8, *settings, *more]

    def generate(self, snapshot: Path, *more: object) -> list[object]:
        return ["generate", "--network", snapshot, "--out", self.folder / "out.png", *more]

    def convert(self, network: Path) -> list[object]:
        return ["convert", network, "--out", self.folder / "out.safetensors"]

    def evaluate(self, *more: object) -> list[object]:
        return ["evaluate", "--network", self.snapshot, "--data", self.data, "--out", self.folder / "out.json", *more]

    def pack(self, source: Path, *more: object) -> list[object]:
        return ["dataset_tool", "pack", source, "--out", self.folder / "out.zip", "--resolution", 16, *more]


def changed(path: Path, to: Path, change: Callable[[bytearray], bytes]) -> Path:
    """A copy of a file with its bytes changed."""
    to.write_bytes(change(bytearray(path.read_bytes())))
    return to


def flip_bit(content: bytearray, at: int = -40) -> bytes:
    content[at] ^= 4
    return bytes(content)


def text(world: World, name: str, content: str) -> Path:
    path = world.folder / name
    path.write_text(content)
    return path


def pictures(world: World, **files: bytes) -> Path:
    folder = world.folder / "pictures"
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.png").write_bytes(content)
    return folder


def mixed(world: World) -> Path:
    odd = png(np.zeros((16, 15, 3), np.uint8))
    return world.zip("mixed.zip", {"a.png": png(PICTURE), "b.png": odd, "c.png": png(PICTURE)})


def labelled(world: World, name: str, manifest: object) -> Path:
    return world.zip(
        name, {"a.png": png(PICTURE), "b.png": png(PICTURE), "dataset.json": json.dumps(manifest).encode()}
    )


def out_of_range(world: World) -> Path:
    sets = {"status": {"classes": ["noble"], "labels": {"a.png": 3}}}
    return labelled(world, "range.zip", {"label_sets": sets})


def soft(world: World) -> Path:
    return labelled(world, "soft.zip", {"labels": [["a.png", [0.5, 0.5]], ["b.png", [1, 0]]]})


def kaokore(world: World, rows: str) -> Path:
    folder = world.folder / "kaokore"
    (folder / "images_256").mkdir(parents=True)
    Image.fromarray(PICTURE).save(folder / "images_256" / "00000001.jpg")
    (folder / "labels.csv").write_text(rows)
    return folder


def copy_of_run(world: World, damage: bool = False) -> Path:
    out = world.folder / "out"
    shutil.copytree(world.run, out)
    for path in out.glob("checkpoint-*.pt") if damage else ():
        path.write_bytes(path.read_bytes()[:5000])
    return out


def go_on(world: World, *more: object, damage: bool = False) -> list[object]:
    out = copy_of_run(world, damage)
    return ["train", "--data", world.data, "--outdir", out, "--gpus", 0, "--kimg", 0.032, *more]


def other_safetensors(world: World) -> Path:
    save_file({"a": torch.zeros(3)}, world.folder / "other.safetensors")
    return world.folder / "other.safetensors"


def malicious(world: World) -> Path:
    (world.folder / "evil.pkl").write_bytes(b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.")
    return world.folder / "evil.pkl"


def other_pickle(world: World) -> Path:
    (world.folder / "other.pkl").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))
    return world.folder / "other.pkl"


def other_torch_file(world: World) -> Path:
    torch.save({"model": torch.zeros(3)}, world.folder / "model.pt")
    return world.folder / "model.pt"


def unknown_program(world: World) -> Path:
    return text(world, "features.pt2", "not a known extractor")


ROWS: dict[str, tuple[Callable[[World], list[object]], str]] = {
    "missing zip": (lambda w: w.train(w.folder / "none.zip"), r"none\.zip"),
    "not a zip": (lambda w: w.train(text(w, "faces.zip", "hello")), r"faces\.zip.*zip"),
    "zip cut short": (
        lambda w: w.train(changed(w.data, w.folder / "cut.zip", lambda c: bytes(c[: len(c) // 2]))),
        r"cut\.zip",
    ),
    "picture cut short inside": (
        lambda w: w.train(w.zip("bad.zip", {"a.png": png(PICTURE), "b.png": png(PICTURE)[:60]})),
        r"bad\.zip.*b\.png",
    ),
    "bit flipped inside": (
        lambda w: w.train(
            changed(w.data, w.folder / "flip.zip", lambda c: (c.__setitem__(80, c[80] ^ 4), bytes(c))[1])
        ),
        r"flip\.zip.*img00000000\.png",
    ),
    "no pictures in it": (lambda w: w.train(w.zip("empty.zip", {"readme.txt": b"hello"})), r"empty\.zip"),
    "mixed sizes": (lambda w: w.train(mixed(w)), r"mixed\.zip.*1 of 3 pictures.*b\.png"),
    "size no power of two": (
        lambda w: w.train(w.zip("twelve.zip", {"a.png": png(np.zeros((12, 12, 3), np.uint8))})),
        r"12.*power of two",
    ),
    "label out of range": (lambda w: w.train(out_of_range(w)), r"range\.zip.*status"),
    "soft labels": (lambda w: w.train(soft(w)), r"soft\.zip.*one-hot"),
    "unknown label set": (lambda w: w.train(w.data, "--cond", "staus"), r"--cond staus: no such label set"),
    "unknown split": (lambda w: w.train(w.data, "--split", "dev"), r"dev.*train"),
    "misspelt flag": (lambda w: w.train(w.data, "--gama", 1), r"No such option.*--gama"),
    "misspelt option": (lambda w: w.train(w.data, "--set", "losses.r1.gama=1"), r"no such option. Did you mean gamma"),
    "option of the wrong type": (
        lambda w: w.train(w.data, "--set", "schedule.batch_size=many"),
        r"many is not a whole",
    ),
    "batch not divisible": (lambda w: w.train(w.data, "--batch-gpu", 3), r"schedule\.batch_size: 8 .*multiple of"),
    "batch below one": (lambda w: w.train(w.data, "--batch", -8), r"--batch.*-8"),
    "GPUs by an option": (
        lambda w: w.train(w.data, "--set", "runtime.gpus=8", "--set", "schedule.batch_gpu=1"),
        r"--gpus 8: torch sees",
    ),
    "network too narrow": (
        lambda w: w.train(w.data, "--set", "generator.channel_base=8"),
        r"generator\.channel_base: 8 .* no feature maps at 16 pixels. Use 16 or more",
    ),
    "minibatch channels that do not divide": (
        lambda w: w.train(w.data, "--set", "discriminator.minibatch_channels=3"),
        r"discriminator\.minibatch_channels: 3 .*divisor of the 8",
    ),
    "options that are a list": (lambda w: w.train(w.data, "--config", text(w, "o.json", "[]")), r"o\.json.*no options"),
    "options missing": (lambda w: go_on(w, "--config", w.folder / "no.json"), r"--config .*no\.json: No such file"),
    "too many GPUs": (lambda w: w.train(w.data, "--gpus", 99), r"--gpus 99: torch sees"),
    "unknown preset": (lambda w: w.train(w.data, "--cfg", "ffhq"), r"--cfg ffhq: no such preset"),
    "transfer from nothing": (lambda w: w.train(w.data, "--resume", w.folder / "no.safetensors"), r"no such file"),
    "unknown metric": (lambda w: w.train(w.data, "--metrics", "fad"), r"fad"),
    "going on with other options": (lambda w: go_on(w, "--gamma", 77), r"losses\.r1\.gamma was .* now 77"),
    "every checkpoint damaged": (lambda w: go_on(w, damage=True), r"damaged, and no older checkpoint is whole"),
    "outdir is a file": (
        lambda w: [*w.train(w.data), "--outdir", text(w, "taken", "x")],
        r"--outdir .*taken",
    ),
    "snapshot missing": (lambda w: w.generate(w.folder / "no.safetensors"), r"no\.safetensors: no such file"),
    "snapshot cut short": (
        lambda w: w.generate(changed(w.snapshot, w.folder / "cut.safetensors", lambda c: bytes(c[:-1000]))),
        r"cut\.safetensors: not a readable snapshot",
    ),
    "bit flipped in a snapshot": (
        lambda w: w.generate(changed(w.snapshot, w.folder / "flip.safetensors", flip_bit)),
        r"flip\.safetensors: damaged, its SHA-256",
    ),
    "snapshot of another program": (lambda w: w.generate(other_safetensors(w)), r"another program"),
    "pickle for a snapshot": (
        lambda w: w.generate(changed(w.data, w.folder / "network.pkl", bytes)),
        r"network\.pkl: not imported: damaged",
    ),
    "malicious pickle": (lambda w: w.generate(malicious(w)), r"evil\.pkl: not imported: os\.system is not let in"),
    "malicious pickle to start from": (
        lambda w: w.train(w.data, "--resume", malicious(w)),
        r"evil\.pkl: not imported: os\.system is not let in",
    ),
    "malicious pickle to convert": (lambda w: w.convert(malicious(w)), r"os\.system is not let in"),
    "pickle that is missing": (lambda w: w.convert(w.folder / "no.pkl"), r"no\.pkl: no such file"),
    "pickle of something else": (lambda w: w.convert(other_pickle(w)), r"other\.pkl: not imported: .*no G_ema"),
    "torch file of something else": (lambda w: w.generate(other_torch_file(w)), r"model\.pt: not imported: .*no g_ema"),
    "checkpoint for a snapshot": (
        lambda w: w.generate(next(w.run.glob("checkpoint-*.pt"))),
        r"checkpoint-.*\.pt: not imported: ",
    ),
    "snapshot to convert": (lambda w: w.convert(w.snapshot), r"not the name of a public checkpoint"),
    "unknown class": (lambda w: w.generate(w.snapshot, "--class", "size=huge"), r"size=huge: no such class"),
    "class without a set": (lambda w: w.generate(w.snapshot, "--class", "huge"), r"not of the form set=class"),
    "seeds that are none": (lambda w: w.generate(w.snapshot, "--seeds", "1,x"), r"--seeds 1,x"),
    "truncation that is none": (lambda w: w.evaluate("--metrics", "kid10", "--trunc", "nan"), r"--trunc nan: not a"),
    "count beyond all numbers": (lambda w: w.evaluate("--metrics", "kid" + "9" * 20), r"kid9+: no such metric"),
    "grid that is none": (lambda w: w.generate(w.snapshot, "--grid", "8"), r"--grid 8"),
    "no GPU for --device cuda": (lambda w: w.generate(w.snapshot, "--device", "cuda"), r"--device cuda: torch sees no"),
    "metric that is none": (lambda w: w.evaluate("--metrics", "fad"), r"fad"),
    "equivariance of a StyleGAN2": (
        lambda w: w.evaluate("--metrics", "eq_t"),
        r"--metrics eq_t: undefined for this network\. StyleGAN2Generator: has no input",
    ),
    "equivariance of a StyleGAN2 in training": (
        lambda w: w.train(w.data, "--metrics", "eq_t"),
        r"--metrics eq_t: undefined for this network\. StyleGAN2Generator: has no input",
    ),
    "unknown extractor": (
        lambda w: w.evaluate("--metrics", "kid", "--extractor", unknown_program(w)),
        r"features\.pt2.*[0-9a-f]{64}",
    ),
    "Inception weights missing": (
        lambda w: w.evaluate("--metrics", "fid", "--inception-weights", w.folder / "no.pth"),
        r"no\.pth",
    ),
    "source missing": (lambda w: w.pack(w.folder / "none"), r"none"),
    "source without pictures": (lambda w: w.pack(pictures(w)), r"pictures"),
    "unreadable picture": (
        lambda w: w.pack(pictures(w, a=png(PICTURE), b=b"\x89PNG broken")),
        r"b\.png.*--skip-bad",
    ),
    "enlarging unasked": (lambda w: w.pack(pictures(w, a=png(PICTURE[:8, :8]))), r"--allow-upscale"),
    "label file with an unknown class": (
        lambda w: w.pack(kaokore(w, "image,gender,status,set\n00000001.jpg,0,9,train\n")),
        r"labels\.csv.*status",
    ),
    "label file with other columns": (lambda w: w.pack(kaokore(w, "picture,label\n1,2\n")), r"labels\.csv"),
    "damaged archive to verify": (
        lambda w: ["dataset_tool", "verify", w.zip("bad.zip", {"a.png": png(PICTURE), "b.png": png(PICTURE)[:60]})],
        r"bad\.zip.*b\.png",
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> World:
    folder = tmp_path_factory.mktemp("good")
    data = write_archive(folder / "discs.zip")
    result = start(data, folder / "run", kimg=0.016, cond="all")
    assert result.snapshot is not None
    return World(data=data, snapshot=result.snapshot, run=result.folder, folder=folder)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("row", ROWS)
def test_bad_input_ends_in_one_line_and_status_2_with_nothing_lost(row, good, tmp_path, monkeypatch, capsys):
    if row.startswith("no GPU") and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    make, pattern = ROWS[row]
    world = World(data=good.data, snapshot=good.snapshot, run=good.run, folder=tmp_path)
    script, *arguments = map(str, make(world))
    before = contents(tmp_path)
    monkeypatch.setattr(sys, "argv", [f"{script}.py", *arguments])
    command = importlib.import_module(script).main
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        cli.run(command)
    error = capsys.readouterr().err.strip()
    assert stop.value.code == 2
    assert "\n" not in error, error
    assert error.startswith("error: ")
    assert re.search(pattern, error), error
    assert contents(tmp_path) == before
