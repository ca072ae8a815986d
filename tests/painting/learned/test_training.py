"""Training painters: what it lowers, what it leaves, how it goes on."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
from PIL import Image

from painting.brushes import BRUSHES
from painting.learned import validation
from painting.learned.architectures import ARCHITECTURES
from painting.learned.config import PAPER, QUICK, at_share
from painting.learned.drawing import draw
from painting.learned.losses import LOSSES
from painting.learned.snapshot import load_painter
from painting.learned.state import TrainingState
from painting.learned.train import train
from painting.optimise import Painter, Plan
from painting.quality import mse
from painting.strokes import Header, StrokeSet
from tests.support.painted import WHITE, drawn_face
from torch_utils.errors import DivergedError, SnapshotError

CPU = torch.device("cpu")
TINY = {
    "fcn": replace(QUICK["fcn"], brush="ink", size=16, batch=4, steps=8, every=4, held_out=4),
    "gan": replace(QUICK["gan"], size=16, batch=4, steps=8, every=4, held_out=4, critic_steps=2),
    "vae": replace(QUICK["vae"], brush="ink", batch=4, steps=8, every=4, held_out=4),
    "geo": replace(QUICK["geo"], size=16, batch=4, steps=8, every=4, held_out=4),
}


def silent(line: str) -> None:
    pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A geometry painter of the pencil after a few seconds."""
    folder = tmp_path_factory.mktemp("trained")
    said: list[str] = []
    config = replace(QUICK["geo"], size=32, steps=90, batch=16, every=45, held_out=64)
    assert train(config, folder, CPU, said.append) == 0
    return folder, said


def test_a_geometry_painter_is_far_better_than_a_blank_canvas_in_seconds(trained):
    folder, said = trained
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [45, 90]
    assert lines[-1]["mse"] < 0.12 * lines[-1]["blank"]
    assert lines[-1]["chance"] < lines[-1]["mse"] < lines[-1]["mean_picture"] < lines[-1]["blank"]
    assert said[0].startswith("geo, 2833 weights, learns pencil at 32 pixels: 90 steps of 16 strokes")
    assert f"MSE {lines[-1]['mse']:.5f}, {lines[-1]['mse'] / lines[-1]['blank']:.1%} of blank" in said[-2]


def test_its_numbers_are_those_of_the_file_it_left(trained):
    folder, _ = trained
    painter = load_painter(folder / "painter.safetensors")
    config = replace(QUICK["geo"], **{n: painter.info.config[n] for n in ("size", "steps", "batch", "held_out")})
    strokes = validation.held_out(config, CPU)
    assert validation.error(painter.brush, strokes.batch) == pytest.approx(painter.info.metrics["mse"], abs=1e-8)
    assert painter.about == {"painter": "geo painter.safetensors", "painter_digest": painter.info.digest}
    with Image.open(folder / "sheet.png") as sheet:
        assert sheet.size == (12 * 36, 2 * 36)
        assert sheet.convert("L").getextrema()[1] == 255


def test_held_out_strokes_are_in_no_batch():
    held = validation.held_out(TINY["geo"], CPU).batch.strokes
    seen = draw(BRUSHES["pencil"], 4, 16, CPU, 0, "training", 0, 0).strokes
    assert not (held[:, None] == seen[None]).all(-1).any()


@pytest.mark.parametrize("loss", list(LOSSES))
def test_a_loss_is_least_where_pictures_agree_and_sums_over_pixels(loss):
    wanted = torch.tensor([[[0.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [1.0, 1.0]]])
    right = LOSSES[loss](wanted.clone(), wanted, True)
    assert right == 0
    blank = LOSSES[loss](torch.full_like(wanted, 0.01), wanted, False)
    assert blank > 100 * LOSSES[loss](wanted.clamp(0.01, 0.99), wanted, False)


def test_ink_counts_tenfold_while_it_is_favoured():
    wanted, drawn = torch.zeros(1, 4, 4), torch.full((1, 4, 4), 0.1)
    wanted[0, 0, 0] = 1
    plain, favoured = LOSSES["ink"](drawn, wanted, False), LOSSES["ink"](drawn, wanted, True)
    assert favoured - plain == pytest.approx(9 * 0.81)
    assert plain == LOSSES["squared"](drawn, wanted, False)


def test_a_schedule_is_read_by_shares():
    schedule = ((0.4, 1.0), (0.8, 2.0), (1.0, 3.0))
    assert [at_share(schedule, share) for share in (0, 0.39, 0.4, 0.79, 0.8, 1.0)] == [1, 1, 2, 2, 3, 3]


def test_the_paper_presets_hold_the_papers_numbers():
    fcn, gan, vae = PAPER["fcn"], PAPER["gan"], PAPER["vae"]
    assert (fcn.size, fcn.batch, fcn.steps, fcn.loss) == (128, 64, 500_000, "squared")
    assert [at_share(fcn.rates, step / fcn.steps) for step in (0, 199_999, 200_000, 400_000)] == [
        1e-4,
        1e-4,
        1e-5,
        1e-6,
    ]
    assert (gan.betas, gan.critic_steps, at_share(gan.weights, 0), at_share(gan.weights, 0.99)) == (
        (0.5, 0.9),
        5,
        10,
        0.1,
    )
    assert (round(vae.encoding * vae.steps), at_share(vae.predictor_rates, 0.5)) == (300_000, 1e-3)


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_training_lowers_the_loss_on_strokes_it_has_not_seen(arch):
    steps = {"fcn": 60, "geo": 20, "gan": 25, "vae": 40}[arch]
    config = replace(TINY[arch], brush="ink", steps=steps, batch=8, held_out=32)
    state = TrainingState(config, CPU)
    strokes = validation.held_out(config, CPU)
    before = validation.error(state.average, strokes.batch)
    while not state.is_over:
        state.take_step()
    assert validation.error(state.average, strokes.batch) < 0.6 * before


@pytest.mark.parametrize("arch", list(ARCHITECTURES))
def test_a_run_cut_in_two_is_bit_equal_to_a_whole_one(arch, tmp_path, monkeypatch):
    config = TINY[arch]
    assert train(config, tmp_path / "whole", CPU, silent) == 0
    step = TrainingState.take_step

    def interrupted(state: TrainingState) -> None:
        step(state)
        if state.step == 5:
            os.kill(os.getpid(), signal.SIGINT)

    said: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "take_step", interrupted)
        assert train(config, tmp_path / "cut", CPU, said.append) == 130
    assert said[-1] == f"{tmp_path / 'cut'}: stopped after 5 of 8 steps; the same command goes on"
    assert load_painter(tmp_path / "cut/painter.safetensors").info.steps == 5
    assert train(config, tmp_path / "cut", CPU, said.append) == 0
    assert "going on after 5 steps" in said
    whole, cut = (load_painter(tmp_path / name / "painter.safetensors") for name in ("whole", "cut"))
    ours, theirs = whole.brush.network.state_dict(), cut.brush.network.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    told = [_without_time(folder) for folder in (tmp_path / "whole", tmp_path / "cut")]
    assert told[0] == told[1]


def _without_time(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "cpu_seconds"} for line in lines]


def test_a_painter_that_runs_away_is_told_and_its_last_files_stay(tmp_path, monkeypatch):
    train(TINY["geo"], tmp_path, CPU, silent)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    monkeypatch.setattr("painting.learned.learners.Regression.take_step", lambda *_: {"loss": float("nan")})
    with pytest.raises(DivergedError, match="step 9: loss is nan, the painter has run away"):
        train(replace(TINY["geo"], steps=12), tmp_path, CPU, silent)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_a_damaged_checkpoint_is_told(tmp_path):
    train(TINY["geo"], tmp_path, CPU, silent)
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(SnapshotError, match=r"checkpoint\.pt: damaged"):
        train(TINY["geo"], tmp_path, CPU, silent)


def test_one_paints_through_a_learned_painter(trained):
    """Its gradient leads: the analytic brush draws the strokes it moved, nearer to the face than they began."""
    learned = load_painter(trained[0] / "painter.safetensors").brush
    face = drawn_face(1, 32)
    plan = Plan(
        brush="pencil", strokes=40, blocks=1, stages=((1.0, 1.0, 1),), finishing=40, largest=0.03, smallest=0.03
    )
    painter = Painter(plan, face, WHITE, 0, brush=learned)
    steps = painter.run()
    first = next(steps)
    begun = painter.strokes
    *_, last = steps
    header = Header(brush="pencil", height=32, width=32)
    errors = [mse(StrokeSet(header, strokes).paint(), face) for strokes in (begun, painter.strokes)]
    assert last.loss < 0.7 * first.loss
    assert errors[1] < 0.8 * errors[0]


@pytest.mark.slow
def test_a_plain_network_gets_well_below_the_mean_picture():
    """P10: at most .65 of the mean picture's error; squared error alone would end near 1."""
    state = TrainingState(replace(QUICK["fcn"], brush="pencil"), CPU)
    strokes = validation.held_out(state.config, CPU)
    while not state.is_over:
        state.take_step()
    assert validation.error(state.average, strokes.batch) < 0.65 * strokes.mean_picture
