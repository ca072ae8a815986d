"""classify.py from its command line, bad input included: one line, status 2, nothing left."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from classification.models import build
from classification.snapshot import load_classifier
from dataset.archive import Archive
from tests.support.tiny_classifier import NAME, train_tiny
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils import tensor_file


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("discs") / "discs.zip", count=100, grain=True)


@pytest.fixture(scope="module")
def classifier(discs, tmp_path_factory) -> Path:
    return train_tiny(discs, tmp_path_factory.mktemp("run") / "run", epochs=8).snapshot


@pytest.fixture
def run(script):
    """Run the script; gives status, stdout, stderr."""
    return partial(script, "classify")


def words(data: Path, folder: Path, *more: object) -> list[object]:
    usual = ["--label", "colour", "--model", NAME, "--weights", "none", "--size", 16, "--epochs", 2, "--batch", 8]
    return ["train", "--data", data, "--outdir", folder, "--split-by", "holdout", "--device", "cpu", *usual, *more]


def test_train_evaluate_predict_follow_one_another(run, discs, tmp_path):
    status, out, err = run(*words(discs, tmp_path / "run"))
    snapshot = tmp_path / "run" / "classifier.safetensors"
    assert (status, err) == (0, "")
    assert "pictures: 40 train, 5 dev, 5 test (seeded hold-out 0 of the train split)" in out
    assert f"next: python classify.py evaluate --network {snapshot} --data {discs}" in out
    status, out, _ = run("evaluate", "--network", snapshot, "--data", discs, "--device", "cpu")
    assert status == 0 and out.startswith(f"{NAME} colour: ") and "macro-F1" in out
    assert (tmp_path / "run" / "evaluation-test" / "confusion.png").exists()
    status, out, _ = run("predict", discs, "--all", "--network", snapshot, "--out", tmp_path / "p.csv")
    assert (status, out) == (0, f"{tmp_path / 'p.csv'}: predictions of colour, rows: 100; no archive was changed\n")


def test_a_table_of_one_cell(run, discs, tmp_path):
    status, out, err = run(
        "table", "--data", discs, "--models", NAME, "--labels", "colour", "--presets", "paper", "--split-by", "holdout",
        "--seeds", 1, "--weights", "none", "--size", 16, "--epochs", 1, "--outdir", tmp_path / "t", "--device", "cpu",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert f"{tmp_path / 't' / 'table.md'}" in out


def test_a_dry_run_prints_the_options_and_makes_nothing(run, discs, tmp_path):
    status, out, _ = run(*words(discs, tmp_path / "run", "--set", "optimizer.lr=0.5", "--dry-run"))
    assert (status, json.loads(out)["optimizer"]["lr"]) == (0, 0.5)
    assert not (tmp_path / "run").exists()


def test_a_terminated_training_saves_and_says_how_to_go_on(repository, discs, tmp_path):
    command = [*words(discs, tmp_path / "run", "--epochs", 100_000, "--set", "schedule.patience=100000")]
    command[command.index(NAME)] = "shufflenet_v2_x0_5"
    command[command.index("--size") + 1] = 32
    line = [sys.executable, "classify.py", *map(str, command)]
    process = subprocess.Popen(
        line, cwd=repository, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 200
    while not (tmp_path / "run" / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"To go on: python classify.py train --data {discs}" in out
    assert torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)["step"] >= 1


def without_status(discs: Path, folder: Path) -> list[object]:
    return words(discs, folder / "out", "--label", "status")


def empty_class(discs: Path, folder: Path) -> list[object]:
    data = rewritten(discs, folder / "empty.zip", lambda sets: sets["colour"]["classes"].append("green"))
    return words(data, folder / "out")


def without_labels(discs: Path, folder: Path) -> list[object]:
    return words(rewritten(discs, folder / "bare.zip", lambda sets: sets.clear()), folder / "out")


def no_official_split(discs: Path, folder: Path) -> list[object]:
    return words(discs, folder / "out", "--split-by", "official")


def books_unknown(discs: Path, folder: Path) -> list[object]:
    return words(discs, folder / "out", "--split-by", "book")


def wrong_head(discs: Path, folder: Path) -> list[object]:
    """A file whose head is of three classes, and whose header says two."""
    path = train_tiny(discs, folder / "head-run", epochs=1).snapshot
    with tensor_file.safe_open(path, framework="pt") as file:
        text = file.metadata()["kaokore_stylegan"]
    tensors = load_file(path)
    tensors["network.8.weight"], tensors["network.8.bias"] = torch.zeros(3, 16), torch.zeros(3)
    digest = tensor_file._digest(text, sorted(tensors.items()))
    save_file(tensors, folder / "head.safetensors", metadata={"kaokore_stylegan": text, "sha256": digest})
    return ["evaluate", "--network", folder / "head.safetensors", "--data", discs, "--out", folder / "out"]


def wrong_body(discs: Path, folder: Path) -> list[object]:
    torch.save(build("shufflenet_v2_x0_5", 2).state_dict(), folder / "w.pth")
    return words(discs, folder / "out", "--weights", folder / "w.pth")


def generator(discs: Path, folder: Path) -> list[object]:
    path = write_snapshot(folder / "g.safetensors", Archive.open(discs))
    return ["evaluate", "--network", path, "--data", discs, "--out", folder / "out"]


def damaged(discs: Path, folder: Path) -> list[object]:
    path = train_tiny(discs, folder / "damaged-run", epochs=1).snapshot
    content = bytearray(path.read_bytes())
    content[-40] ^= 4
    path.write_bytes(content)
    return ["predict", discs, "--network", path, "--out", folder / "out"]


BAD = [
    (lambda d, f: words(d, f / "out", "--model", "resnet81"), "--model resnet81: .* Did you mean resnet18?"),
    (lambda d, f: words(d, f / "out", "--preset", "papr"), "--preset papr: no such preset. Use one of: paper, modern"),
    (lambda d, f: words(d, f / "out", "--size", 100_000), "--size 100000: not from 1 to 1024"),
    (lambda d, f: words(d, f / "out", "--set", "optimizer.rate=1"), "optimizer.rate: no such option"),
    (
        lambda d, f: words(d, f / "out", "--weights", f / "absent.pth"),
        "absent.pth: no such file. Give a file, imagenet or none",
    ),
    (lambda d, f: words(f / "absent.zip", f / "out"), "absent.zip: "),
    (
        lambda d, f: words(d, f / "out", "--set", "network.train=head"),
        "network.train=head: of a network without --weights",
    ),
    (without_status, "--label status: discs.zip has no such label set. Use one of: colour, size."),
    (without_labels, "bare.zip has no such label set. It has no labels"),
    (empty_class, "empty.zip: colour: no training picture is green"),
    (no_official_split, "no colour label in dev .official split.. Use --split-by holdout"),
    (books_unknown, "says of no picture which book it is from"),
    (wrong_head, r"head.safetensors: does not hold the network it describes \(8.weight is \[3, 16\], not \[2, 16\]"),
    (wrong_body, "w.pth: not of this network"),
    (generator, "g.safetensors: holds a 'kaokore-stylegan snapshot 1', not a 'kaokore-stylegan classifier 1'"),
    (damaged, "damaged, its SHA-256 is not the one"),
    (
        lambda d, f: ["predict", f / "absent.png", "--network", f / "no.safetensors"],
        "no.safetensors: no such file. Give a file that",
    ),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_input_is_one_line_and_status_2_and_nothing_is_made(run, discs, tmp_path, make, message):
    status, out, err = run(*make(discs, tmp_path))
    assert status == 2 and out == ""
    assert re.fullmatch(f"error: .*{message}.*\n", err), err
    assert "\n" not in err[:-1]
    assert not (tmp_path / "out").exists()


def test_the_generator_of_pictures_is_not_mistaken_for_a_classifier(classifier, script, tmp_path):
    status, _, error = script("generate", "--network", classifier, "--out", tmp_path / "g.png")
    assert status == 2
    assert "format 'kaokore-stylegan classifier 1' is not 'kaokore-stylegan snapshot 1'" in error
    assert load_classifier(classifier).info.model == NAME


def rewritten(path: Path, to: Path, change) -> Path:
    """A copy of an archive with its label sets changed."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(to, "w") as copy:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "dataset.json":
                manifest = json.loads(content)
                change(manifest["label_sets"])
                content = json.dumps(manifest).encode()
            copy.writestr(name, content)
    return to


@pytest.mark.slow
def test_the_whole_table_of_the_papers_networks_runs_end_to_end(repository, tmp_path):
    """Seven networks, two labels, one epoch, drawn faces: within ten minutes on two cores."""
    faces = tmp_path / "faces.zip"
    tool = [sys.executable, "dataset_tool.py", "demo", "--out", faces, "--count", 60, "--resolution", 64]
    subprocess.run(list(map(str, tool)), cwd=repository, check=True, capture_output=True)
    command = [
        "classify.py", "table", "--data", faces, "--seeds", 1, "--presets", "paper", "--split-by", "holdout",
        "--weights", "none", "--size", 80, "--epochs", 1, "--outdir", tmp_path / "t", "--device", "cpu",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, *map(str, command)], cwd=repository, capture_output=True, text=True, timeout=1400
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((tmp_path / "t" / "table.json").read_text())
    assert [len(block["rows"]) for block in document["blocks"]] == [7, 7]
    assert all(row["paper"] > 70 and row["from_paper"] is None for block in document["blocks"] for row in block["rows"])
