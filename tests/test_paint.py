"""paint.py from its command line: files, words, statuses, Ctrl-C."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress

import pytest
from PIL import Image

from dataset.archive import Archive
from dataset.demo import draw_face
from painting.brushes import BRUSHES
from painting.strokes import read_strokes
from tests.support.tiny_classifier import write_tiny
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.images import read_png_text

QUICK = ("--strokes", 6, "--size", 16, "--out-size", 32)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder with two drawn faces."""
    folder = tmp_path_factory.mktemp("faces")
    for index in range(2):
        Image.fromarray(draw_face(0, index, 64).picture).save(folder / f"face{index}.png")
    return folder


@pytest.fixture
def run(script):
    """Run paint.py; gives status and what it printed."""

    def call(*arguments: object) -> tuple[object, str]:
        status, out, error = script("paint", *arguments)
        return status, out + error

    return call


def test_a_painting_leaves_its_files(run, faces, tmp_path):
    status, said = run("paint", faces / "face0.png", *QUICK, "--outdir", tmp_path, "--to", "all")
    assert status == 0
    assert said.startswith(f"{tmp_path / 'face0'}: 6 strokes, MSE 0.")
    names = sorted(path.name for path in (tmp_path / "face0").iterdir())
    paintings = ["painting.gif", "painting.mp4", "painting.svg"]
    assert names == ["final.png", "metrics.json", *paintings, "sheet.png", "steps", "strokes.json"]
    assert len(list((tmp_path / "face0/steps").iterdir())) == 6
    last, final = (tmp_path / "face0" / name for name in ("steps/step-0006.png", "final.png"))
    with Image.open(last) as step, Image.open(final) as picture:
        assert picture.size == (32, 32)
        assert step.tobytes() == picture.tobytes()
    text = read_png_text(final)
    assert (text["reference"], text["method"], text["strokes"]) == ("face0.png", "ltp", "6")
    assert text["content"] == "squared"
    told = json.loads((tmp_path / "face0/metrics.json").read_text())
    assert told["complete"] is True
    assert told["mse_after_strokes"]["6"] == told["mse"]
    assert f"MSE {told['mse']:.4f}" in said


def test_options_reach_the_painting(run, faces, tmp_path):
    options = ["--background", "#336699", "--palette", "red,#ffffff", "--opaque", "--cap", 0.5, "--seed", 3]
    status, _ = run("paint", faces, *QUICK, *options, "--method", "ist", "--to", "final", "--outdir", tmp_path)
    assert status == 0
    for name in ("face0", "face1"):
        painting = read_strokes(tmp_path / name / "strokes.json")
        assert painting.header.brush == "pencil"
        assert painting.header.cap == 0.5
        assert painting.header.background == pytest.approx((0x33 / 255, 0x66 / 255, 0x99 / 255))
        assert painting.header.about["seed"] == "3"
        colours = {tuple(row) for row in painting.strokes[:, 6:9].tolist()}
        assert colours <= {(1.0, 0.0, 0.0), (1.0, 1.0, 1.0)}
        assert painting.strokes[:, [0, 11]].min() == 1


def test_the_features_of_a_classifier_are_a_content_loss(run, faces, tmp_path):
    content = write_tiny(tmp_path / "tiny.safetensors")
    for folder in ("a", "b"):
        options = [*QUICK, "--content", content, "--pyramid", 0.5, "--to", "final", "--outdir", tmp_path / folder]
        assert run("paint", faces / "face0.png", *options)[0] == 0
    strokes = [(tmp_path / folder / "face0/strokes.json").read_bytes() for folder in ("a", "b")]
    assert strokes[0] == strokes[1]
    about = read_strokes(tmp_path / "a/face0/strokes.json").header.about
    told = json.loads((tmp_path / "a/face0/metrics.json").read_text())["content"]
    assert about["content"] == "tiny_for_tests colour tiny.safetensors 4 features 1, pyramid 0.5"
    assert (told["file"], told["stage"], len(told["sha256"])) == ("tiny.safetensors", "4", 64)


def test_a_network_and_seeds_are_painted(run, tmp_path):
    archive = Archive.open(write_archive(tmp_path / "discs.zip"))
    network = write_snapshot(tmp_path / "s.safetensors", archive, conditional=True)
    chosen = ["--network", network, "--seeds", "4-5", "--class", "colour=red"]
    status, said = run("paint", *chosen, *QUICK, "--brush", "ink", "--to", "final", "--outdir", tmp_path / "out")
    assert status == 0
    assert [line.split(":")[0] for line in said.splitlines()] == [str(tmp_path / f"out/seed00000{i}") for i in (4, 5)]
    text = read_png_text(tmp_path / "out/seed000004/final.png")
    assert (text["seeds"], text["snapshot"]) == ("4", "s.safetensors")
    assert "colour=red" in text["class"]


def test_strokes_are_drawn_at_another_size(run, faces, tmp_path):
    run("paint", faces / "face1.png", *QUICK, "--to", "final", "--outdir", tmp_path)
    status, said = run("render", tmp_path / "face1/strokes.json", "--size", 100, "--to", "final,svg")
    assert (status, said) == (0, f"{tmp_path / 'face1/size-100'}: 6 strokes at 100x100 pixels, final, svg\n")
    with Image.open(tmp_path / "face1/size-100/final.png") as picture:
        assert picture.size == (100, 100)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to paint, or two things"),
        (["FACE", "--network", "s.safetensors"], "nothing to paint, or two things"),
        (["FACE", "--seeds", "0-3"], "--seeds and --class choose what a network generates"),
        (["missing.png"], "missing.png: no such file"),
        (["FACE", "--strokes", 0], "--strokes 0: from 1 to"),
        (["FACE", "--strokes", 10**7], "from 1 to 5000"),
        (["FACE", "--size", 8], "--size 8: canvases go from 16 to 4096"),
        (["FACE", "--out-size", 10**6], "--out-size 1000000: canvases go"),
        (["FACE", "--method", "oil"], "--method oil: no such method. Use one of ltp, ist"),
        (["FACE", "--brush", "broom"], "brush 'broom': no such brush"),
        (["FACE", "--to", "png"], "--to png: no output 'png'"),
        (["FACE", "--background", "colourless"], "--background colourless: no colour"),
        (["FACE", "--palette", "0"], "--palette 0: from 1 to 64"),
        (["FACE", "--palette", "red,redder"], "--palette redder: no colour"),
        (["FACE", "--content", "oil.pth"], "--content oil.pth: no content loss"),
        (["FACE", "--content", "FACE"], "face0.png: no content loss"),
        (["FACE", "--cap", 0], "--cap 0.0: not above 0"),
        (["FACE", "--cap", "nan"], "--cap nan: not above 0"),
        (["--network", "none.safetensors"], "none.safetensors: no such file"),
        (["--network", "FACE"], "face0.png"),
    ],
)
def test_bad_input_is_one_line_and_status_2_and_leaves_nothing(run, faces, tmp_path, options, words):
    given = [faces / "face0.png" if option == "FACE" else option for option in options]
    status, said = run("paint", *given, "--outdir", tmp_path / "out")
    assert status == 2
    assert said.startswith("error: ")
    assert words in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_brushes_are_listed_and_drawn(run, tmp_path):
    status, said = run("brushes", "--sheet", tmp_path / "brushes.png")
    assert status == 0
    assert [line.split()[0] for line in said.splitlines()[:-1]] == list(BRUSHES)
    with Image.open(tmp_path / "brushes.png") as sheet:
        assert sheet.size == (1024, len(BRUSHES) * 256)
        rows = [sheet.convert("L").crop((0, 256 * i, 1024, 256 * i + 256)) for i in range(len(BRUSHES))]
    assert all(row.getextrema()[0] < 90 and row.getextrema()[1] == 255 for row in rows)


def test_a_bad_picture_among_good_ones_is_told_first(run, faces, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    status, said = run("paint", faces / "face0.png", tmp_path / "bad.png", "--outdir", tmp_path / "out")
    assert (status, said.startswith(f"error: {tmp_path / 'bad.png'}: not a picture")) == (2, True)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_told_before_painting(run, faces, tmp_path):
    (tmp_path / "taken").write_text("a file")
    status, said = run("paint", faces / "face0.png", "--outdir", tmp_path / "taken/out", "--strokes", 5000)
    assert (status, said.startswith(f"error: {tmp_path / 'taken/out'}: could not be written")) == (2, True)


def test_a_terminal_shows_strokes_and_loss(repository, faces, tmp_path):
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    words = ["paint", faces / "face0.png", *QUICK, "--to", "final", "--outdir", tmp_path]
    command = [sys.executable, repository / "paint.py", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        shown = b""
        with suppress(OSError):  # the terminal is gone when the process is
            while piece := os.read(master, 4096):
                shown += piece
    os.close(master)
    assert process.returncode == 0
    assert re.search(rb"face0: .*6 strokes, loss 0\.\d{4}", shown)


def test_a_network_that_is_no_generator_of_ours_is_refused(run, tmp_path):
    (tmp_path / "s.safetensors").write_bytes(b"\x00" * 100)
    status, said = run("paint", "--network", tmp_path / "s.safetensors", "--outdir", tmp_path / "out")
    assert status == 2
    assert "not a readable snapshot" in said


def test_ctrl_c_leaves_what_was_painted_so_far(repository, faces, tmp_path):
    words = ["paint", faces, "--strokes", 60, "--size", 32, "--to", "final", "--outdir", tmp_path, "--out-size", 64]
    marker = tmp_path / "face0"
    process = subprocess.Popen(
        [sys.executable, repository / "paint.py", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not marker.exists() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.3)  # into the second face
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")
    whole, cut = out.splitlines()
    assert whole.startswith(f"{tmp_path / 'face0'}: 60 strokes, MSE")
    assert "of 60, interrupted" in cut
    painting = read_strokes(tmp_path / "face1/strokes.json")
    assert 0 < len(painting.strokes) < 60
    assert json.loads((tmp_path / "face1/metrics.json").read_text())["complete"] is False
