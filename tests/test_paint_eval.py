"""paint.py eval: paintings and pictures scored, two runs compared face by face."""

import importlib
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from dataset.demo import draw_face
from torch_utils import cli


def call(*arguments: object) -> tuple[object, list[str]]:
    """Run the script; gives status and the lines it said."""
    import contextlib
    import io

    said = io.StringIO()
    before, sys.argv = sys.argv, ["paint.py", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as stop:
            cli.run(importlib.import_module("paint").main)
    finally:
        sys.argv = before
    return stop.value.code or 0, said.getvalue().splitlines()


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Three drawn faces, painted with few and with more strokes."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "faces").mkdir()
    for index in range(3):
        Image.fromarray(draw_face(0, index, 48).picture).save(folder / f"faces/face{index}.png")
    for name, strokes in (("few", 2), ("more", 6)):
        options = ["--strokes", strokes, "--size", 32, "--to", "final", "--out-size", 32, "--outdir", folder / name]
        assert call("paint", folder / "faces", *options)[0] == 0
    return folder


@pytest.fixture
def own(runs, tmp_path):
    """A copy that a test may change."""
    shutil.copytree(runs, tmp_path / "own")
    return tmp_path / "own"


def test_a_run_is_a_table_with_means_and_deviations(runs, tmp_path):
    out = tmp_path / "scores.json"
    status, lines = call("eval", runs / "few", "--out", out)
    assert status == 0
    told = json.loads(out.read_text())
    (run,) = told["runs"]
    assert told["measured"] == "when painted"
    errors = [json.loads((runs / f"few/face{i}/metrics.json").read_text())["mse"] for i in range(3)]
    assert [each["mse"] for each in run["each"]] == errors
    assert run["means"]["mse"] == pytest.approx({"mean": np.mean(errors), "deviation": np.std(errors, ddof=1)})
    assert run["means"]["strokes"]["mean"] == 2
    assert run["mse_after_share_of_strokes"]["100%"] == pytest.approx(run["means"]["mse"])
    assert list(run["mse_after_share_of_strokes"]) == ["10%", "25%", "50%", "75%", "100%"]
    assert [line.split()[0] for line in lines[1:]] == ["face0", "face1", "face2", "mean", "deviation", f"{out}:"]
    assert f"{np.mean(errors):7.5f}" in lines[4]


def test_measured_anew_it_is_what_was_measured(runs, tmp_path):
    painted, anew = (tmp_path / name for name in ("painted.json", "anew.json"))
    call("eval", runs / "more", "--out", painted)
    status, _ = call("eval", runs / "more", "--refs", runs / "faces", "--out", anew)
    assert status == 0
    first, second = (json.loads(path.read_text())["runs"] for path in (painted, anew))
    assert first == second


def test_another_size_is_measured_with_references(runs, tmp_path):
    out = tmp_path / "scores.json"
    assert call("eval", runs / "more", "--refs", runs / "faces", "--size", 64, "--out", out)[0] == 0
    each = json.loads(out.read_text())["runs"][0]["each"]
    assert {(score["canvas"]["height"], score["canvas"]["width"]) for score in each} == {(64, 64)}
    small = json.loads((runs / "more/face0/metrics.json").read_text())["mse"]
    assert each[0]["mse"] != small
    assert each[0]["mse"] == pytest.approx(small, rel=0.5)


def test_two_runs_are_compared_face_by_face(own):
    status, lines = call("eval", own / "few", own / "more")
    assert status == 0
    told = json.loads((own / "few/compared.json").read_text())
    errors = {
        run: np.array([json.loads((own / run / f"face{i}/metrics.json").read_text())["mse"] for i in range(3)])
        for run in ("few", "more")
    }
    found = told["second_less_first"]["mse"]
    assert found["mean"] == pytest.approx((errors["more"] - errors["few"]).mean())
    assert found["low"] < found["mean"] < found["high"]
    assert found["second_better"] == (errors["more"] < errors["few"]).sum() == 3
    (row,) = [line for line in lines if line.startswith("MSE")]
    assert row.endswith("3 of 3")
    assert f"{found['mean']:+.5f} ({found['low']:+.5f} to {found['high']:+.5f})" in row


def test_faces_of_one_run_only_are_left_out_and_told(own):
    shutil.rmtree(own / "more/face1")
    status, lines = call("eval", own / "few", own / "more")
    assert status == 0
    assert f"{own / 'few'}: 1 without a fellow, left out" in lines
    assert json.loads((own / "few/compared.json").read_text())["compared"] == ["face0", "face2"]


def test_pictures_are_scored_against_references(own):
    (own / "pictures").mkdir()
    shutil.copy(own / "faces/face0.png", own / "pictures/face0.png")
    Image.fromarray(255 - draw_face(0, 1, 96).picture).save(own / "pictures/face1.png")
    status, lines = call("eval", own / "pictures", "--refs", own / "faces")
    assert status == 0
    equal, other = json.loads((own / "pictures/eval.json").read_text())["runs"][0]["each"]
    assert (equal["mse"], equal["psnr"], equal["ssim"]) == (0, None, pytest.approx(1))
    assert other["mse"] > 0.05
    assert "strokes" not in lines[0]


def test_one_painting_alone_is_scored(own):
    status, lines = call("eval", own / "few/face2", "--refs", own / "faces")
    assert status == 0
    assert lines[1].startswith("face2")
    assert not any(line.startswith("deviation") for line in lines)


def test_an_interrupted_painting_is_marked(own):
    path = own / "few/face1/metrics.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": false'))
    for options in ([], ["--refs", own / "faces"]):
        _, lines = call("eval", own / "few", *options)
        assert [line.endswith("interrupted") for line in lines[1:4]] == [False, True, False]


@pytest.mark.parametrize(
    ("words", "arguments"),
    [
        ("absent: no such folder", ["absent"]),
        ("--size 8: canvases go from", ["few", "--size", 8]),
        ("--size 64: paintings are measured at another size only anew", ["few", "--size", 64]),
        ("faces: holds pictures and no strokes.json. Add --refs", ["faces"]),
        ("no picture for 1 of 3, first 'face2'", ["few", "--refs", "two"]),
        ("3 folders: one is scored", ["few", "more", "few"]),
        ("oblong/face0.png is 128x64", ["few/face0", "--refs", "oblong", "--size", 64]),
        ("was measured at 64x64, in", ["few", "larger"]),
        ("no painting of a name that", ["few", "others"]),
        ("metrics.json: not readable (No such file", ["unmeasured"]),
        ("metrics.json: does not say what paint.py paint measured", ["garbled"]),
        ("strokes.json: not readable as JSON", ["broken"]),
    ],
)
def test_what_cannot_be_scored_is_one_line_and_status_2(own, words, arguments):
    shutil.copytree(own / "faces", own / "two")
    (own / "two/face2.png").unlink()
    (own / "oblong").mkdir()
    Image.new("RGB", (96, 48)).save(own / "oblong/face0.png")
    larger = ["--strokes", 2, "--size", 64, "--to", "final", "--out-size", 32, "--outdir", own / "larger"]
    if "larger" in arguments:
        call("paint", own / "faces/face0.png", *larger)
    for name in ("others", "unmeasured", "garbled", "broken"):
        shutil.copytree(own / "few", own / name)
    for index in range(3):
        (own / f"others/face{index}").rename(own / f"others/stranger{index}")
    (own / "unmeasured/face0/metrics.json").unlink()
    (own / "garbled/face0/metrics.json").write_text('{"strokes": 2}')
    (own / "broken/face0/strokes.json").write_text("{")
    given = [own / part if isinstance(part, str) and not part.startswith("--") else part for part in arguments]
    status, lines = call("eval", *given)
    assert (status, len(lines)) == (2, 1), lines
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert not [*own.glob("**/eval.json"), *own.glob("**/compared.json")]
