"""paint.py train-renderer and paint --painter from the command line: files, words, refusals, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from PIL import Image

from dataset.archive import Archive
from dataset.demo import draw_face
from painting.learned.snapshot import FORMAT, PainterInfo, load_painter, save_painter
from painting.strokes import read_strokes
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.images import read_png_text
from torch_utils.tensor_file import write_tensors

QUICK = ("--size", 16, "--steps", 3, "--batch", 4)


@pytest.fixture
def run(script):
    """Run a script; gives status and what it printed."""

    def call(name: str, *arguments: object) -> tuple[object, str]:
        status, out, error = script(name, *arguments)
        return status, out + error

    return call


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A face, a painter of the pencil hardly trained, and files of other kinds."""
    folder = tmp_path_factory.mktemp("world")
    Image.fromarray(draw_face(0, 0, 32).picture).save(folder / "face.png")
    torch.manual_seed(0)
    from painting.brushes import BRUSHES
    from painting.learned.architectures import ARCHITECTURES

    network = ARCHITECTURES["geo"].build(BRUSHES["pencil"], 16).network
    info = PainterInfo(brush="pencil", arch="geo", size=16, steps=0)
    save_painter(folder / "pencil.safetensors", info, network.state_dict())
    document = {"format": FORMAT, "brush": "pencil", "arch": "geo", "size": 16, "steps": 0}
    document |= {"config": {}, "metrics": {}, "project_version": "0"}
    write_tensors(folder / "other.safetensors", document, {"painter.x": torch.zeros(1)})
    write_tensors(folder / "newer.safetensors", document | {"arch": "transformer"}, {})
    write_snapshot(folder / "stylegan.safetensors", Archive.open(write_archive(folder / "discs.zip")))
    (folder / "cut.safetensors").write_bytes((folder / "pencil.safetensors").read_bytes()[:-40])
    bytes_ = bytearray((folder / "pencil.safetensors").read_bytes())
    bytes_[-3] ^= 8
    (folder / "bit.safetensors").write_bytes(bytes_)
    return folder


def test_a_training_leaves_its_files_and_a_painting_says_through_what_it_was_painted(run, world, tmp_path):
    status, said = run("paint", "train-renderer", "--brush", "ink", "--arch", "fcn", *QUICK, "--outdir", tmp_path / "p")
    assert status == 0
    assert "16 pixels: 3 steps of 4 strokes, loss bce, cpu, seed 0" in said
    names = sorted(path.name for path in (tmp_path / "p").iterdir())
    assert names == ["checkpoint.pt", "config.json", "metrics.jsonl", "painter.safetensors", "sheet.png"]
    painter = load_painter(tmp_path / "p/painter.safetensors")
    assert read_png_text(tmp_path / "p/sheet.png")["painter"] == painter.info.digest
    chosen = ["--brush", "ink", "--painter", tmp_path / "p/painter.safetensors", "--strokes", 4, "--size", 16]
    status, said = run("paint", "paint", world / "face.png", *chosen, "--to", "final", "--outdir", tmp_path)
    assert status == 0
    painting = read_strokes(tmp_path / "face/strokes.json")
    assert painting.header.about["painter"] == "fcn painter.safetensors"
    assert painting.header.about["painter_digest"] == painter.info.digest
    assert painting.header.brush == "ink"
    told = json.loads((tmp_path / "face/metrics.json").read_text())
    assert told["options"]["painter"].endswith("painter.safetensors")
    assert told["mse_by_painter"] != told["mse"]
    status, said = run("paint", "render", tmp_path / "face/strokes.json", "--size", 32)
    assert status == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--brush", "broom", "--arch", "geo"], "brush 'broom': no such brush. Use one of bezier"),
        (["--brush", "ink", "--arch", "diffusion"], "--arch diffusion: no such painter. Use one of fcn, gan, vae, geo"),
        (["--brush", "ink", "--arch", "geo", "--paper"], "--paper: geo is of no paper"),
        (["--brush", "ink", "--arch", "fcn", "--size", 30], "--size 30: fcn takes multiples of 8 from 16 to 512"),
        (["--brush", "ink", "--arch", "vae", "--size", 128], "--size 128: the layers of vae fit 64 pixels alone"),
        (["--brush", "ink", "--arch", "geo", "--loss", "l1"], "--loss l1: no such loss. Use one of bce, ink, squared"),
        (["--brush", "ink", "--arch", "geo", "--steps", 0], "--steps 0: from 1 to"),
        (["--brush", "ink", "--arch", "geo", "--batch", 1], "--batch 1: from 2 to 4096"),
        (["--brush", "ink"], "Missing option '--arch'"),
    ],
)
def test_bad_options_are_one_line_and_status_2_and_leave_nothing(run, tmp_path, options, words):
    status, said = run("paint", "train-renderer", *options, "--outdir", tmp_path / "out")
    assert (status, len(said.splitlines())) == (2, 1)
    assert said.startswith("error: ")
    assert words in said
    assert not (tmp_path / "out").exists()


def test_the_same_command_goes_on_and_other_options_do_not_write_over(run, tmp_path):
    words = ["train-renderer", "--brush", "pencil", "--arch", "geo", *QUICK, "--outdir", tmp_path]
    assert run("paint", *words)[0] == 0
    before = load_painter(tmp_path / "painter.safetensors").info.digest
    status, said = run("paint", *words, "--seed", 1)
    assert (status, "with other options (seed was 0, is 1)" in said) == (2, True)
    assert run("paint", *words)[0] == 0
    assert load_painter(tmp_path / "painter.safetensors").info.digest == before
    status, said = run("paint", *words, "--steps", 5)
    assert (status, "going on after 3 steps" in said) == (0, True)
    assert load_painter(tmp_path / "painter.safetensors").info.steps == 5


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("pencil", "draws pencil, but bezier is painted with. Add --brush pencil"),
        ("stylegan", "holds a 'kaokore-stylegan snapshot 1', not a 'kaokore-stylegan painter 1'"),
        ("other", "does not hold the painter it describes"),
        ("newer", "its header is not understood ('transformer' is none of fcn, gan, vae, geo)"),
        ("cut", "not a readable snapshot"),
        ("bit", "damaged, its SHA-256"),
        ("none", "no such file. Give a file that paint.py train-renderer saved"),
    ],
)
def test_a_file_that_is_no_painter_of_the_brush_is_refused(run, world, tmp_path, file, words):
    given = ["--painter", world / f"{file}.safetensors", "--outdir", tmp_path / "out"]
    status, said = run("paint", "paint", world / "face.png", *given)
    assert (status, len(said.splitlines())) == (2, 1)
    assert words in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("generate", ["--out", "out.png", "--network"]),
        ("paint", ["paint", "--network"]),
        ("classify", ["predict", "face.png", "--network"]),
    ],
)
def test_a_painter_given_as_something_else_is_refused(run, world, tmp_path, monkeypatch, program, options):
    monkeypatch.chdir(tmp_path)
    given = [world / option if option == "face.png" else option for option in options]
    status, said = run(program, *given, world / "pencil.safetensors")
    assert (status, len(said.splitlines())) == (2, 1)
    assert "kaokore-stylegan painter 1" in said
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_saves_the_painter_so_far(repository, tmp_path):
    script = [sys.executable, str(repository / "paint.py"), "train-renderer", "--brush", "pencil", "--arch", "geo"]
    words = [*script, "--size", "16", "--batch", "8", "--steps", "400", "--outdir", str(tmp_path / "out")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("geo, 2833 weights")
        process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")
    assert "of 400 steps; the same command goes on" in out
    assert 0 < load_painter(tmp_path / "out/painter.safetensors").info.steps < 400
