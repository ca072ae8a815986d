"""paint.py train-agent and painting by an agent, from the command line: files, words, statuses, Ctrl-C."""

import json
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from dataset.demo import draw_face
from dataset.pack_demo import pack_drawn_faces
from painting.strokes import read_strokes
from torch_utils.images import read_png_text

TINY = ("--size", 16, "--steps", 3, "--bundle", 2, "--batch", 4, "--set", "holdout=4", "--device", "cpu")


@pytest.fixture
def run(script):
    """Run paint.py; gives status and what it printed."""

    def call(*arguments: object) -> tuple[object, str]:
        status, out, error = script("paint", *arguments)
        return status, out + error

    return call


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with an archive of drawn faces and one face as a picture."""
    folder = tmp_path_factory.mktemp("home")
    pack_drawn_faces(folder / "drawn.zip", count=40, resolution=16, seed=0)
    Image.fromarray(draw_face(0, 0, 64).picture).save(folder / "face.png")
    return folder


@pytest.fixture(scope="module")
def agent(home, repository):
    """An agent of two updates, trained by the script."""
    words = ["train-agent", "--data", home / "drawn.zip", *TINY, "--updates", 2, "--outdir", home / "run"]
    command = [sys.executable, repository / "paint.py", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *_, last, following = done.stdout.splitlines()
    assert last.startswith("done: 2 updates, mean squared error on held-out pictures 0.")
    assert following.endswith(f"--method ltp-agent --agent {home / 'run/agent.safetensors'}")
    return home / "run/agent.safetensors"


def test_a_training_leaves_its_files(agent):
    names = {path.name for path in agent.parent.iterdir()}
    assert names == {
        *("agent.safetensors", "checkpoint.pt", "config.json", "log.txt"),
        *("stats.jsonl", "tensorboard"),
    }
    line = json.loads((agent.parent / "stats.jsonl").read_text())
    assert line["update"] == 2 and 0 < line["l2"] < line["l2/25%"]


def test_an_agent_paints_a_picture(run, home, agent, tmp_path):
    options = ["--agent", agent, "--size", 32, "--out-size", 256, "--to", "final,svg", "--outdir", tmp_path]
    status, said = run("paint", home / "face.png", "--method", "ltp-agent", *options)
    assert (status, said.startswith(f"{tmp_path / 'face'}: ")) == (0, True)
    painting = read_strokes(tmp_path / "face/strokes.json")
    assert 1 <= len(painting.strokes) <= 6
    assert painting.header.background == (0, 0, 0)  # the agent's own
    text = read_png_text(tmp_path / "face/final.png")
    assert (text["method"], text["agent"], text["agent data"]) == ("ltp-agent", "agent.safetensors", "drawn.zip")
    with Image.open(tmp_path / "face/final.png") as picture:
        assert picture.size == (256, 256)


def test_parts_strokes_background_and_refining_can_be_chosen(run, home, agent, tmp_path):
    options = ["--agent", agent, "--size", 32, "--to", "final", "--out-size", 32, "--outdir", tmp_path]
    more = ["--divide", 2, "--strokes", 9, "--background", "white", "--refine", 4]
    assert run("paint", home / "face.png", "--method", "ltp-agent", *options, *more)[0] == 0
    painting = read_strokes(tmp_path / "face/strokes.json")
    assert painting.header.background == (1, 1, 1)
    assert 4 <= len(painting.strokes) <= 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "ltp-agent"], "--method ltp-agent: needs a trained agent. Add --agent FILE"),
        (["--method", "ltp", "--agent", "AGENT"], "--method ltp: paints without an agent"),
        (["--method", "ltp", "--divide", 2], "--method ltp: paints without an agent"),
        (["--method", "ist-agent", "--agent", "AGENT"], "paints with bezier. Use --method ltp-agent"),
        (["--method", "ltp-agent", "--agent", "none.safetensors"], "none.safetensors: no such file"),
        (["--method", "ltp-agent", "--agent", "FACE"], "face.png"),
        (["--method", "ltp-agent", "--agent", "AGENT", "--divide", 0], "--divide 0"),
        (["--method", "ltp-agent", "--agent", "AGENT", "--refine", -1], "--refine -1"),
        (["--method", "ltp-agent", "--agent", "AGENT", "--brush", "ink"], "--brush ink: an agent paints with"),
    ],
)
def test_what_does_not_fit_an_agent_is_one_line(run, home, agent, tmp_path, options, words):
    names = {"AGENT": agent, "FACE": home / "face.png"}
    given = [names.get(option, option) for option in options]
    status, said = run("paint", home / "face.png", *given, "--outdir", tmp_path / "out")
    assert (status, len(said.splitlines())) == (2, 1)
    assert said.startswith("error: ") and words in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--method", "guess"], "--method guess --preset quick: no such pair. Use one of: --method analytic"),
        (["--preset", "paper"], "--method analytic --preset paper: no such pair"),
        (["--brush", "broom"], "brush 'broom': no such brush"),
        (["--size", 48], "size: 48 is no power of two"),
        (["--steps", 0], "steps: 0 is below 1"),
        (["--set", "method.finest=3"], "method.finest: 3 is no power of two"),
        (["--set", "method.gamma=1"], "method.gamma"),
        (["--set", "method.lr=-1"], "method.lr: -1.0 is not above 0"),
        (["--set", "method.width=12"], "method.width: 12 is no multiple of 8"),
        (["--set", "method.widest=0"], "method.widest: 0 is no multiple of 8"),
        (["--set", "background=[1,1]"], "background: [1.0, 1.0] are not three numbers"),
        (["--set", "background=[2,0,0]"], "background: [2.0, 0.0, 0.0] are not three numbers"),
        (["--method", "ddpg", "--set", "method.width=0"], "method.width: 0"),
        (["--method", "ddpg", "--set", "method.warmup=0"], "method.warmup: 0 is below 1"),
        (["--method", "ddpg", "--set", "method.noise=2"], "method.noise: 2.0 is not from 0 to 1"),
        (["--method", "ddpg", "--batch", 1], "batch: 1 does not go from 2 to method.replay=4096"),
        (["--method", "ddpg", "--set", "method.replay=8"], "batch: 32 does not go from 2 to method.replay=8"),
        (["--method", "adversarial", "--set", "method.critic_updates=0"], "method.critic_updates: 0 is below 1"),
        (["--method", "adversarial", "--set", "method.squared_weight=-1"], "method.squared_weight: -1.0 is below 0"),
        (["--method", "adversarial", "--bundle", 5], "says one stroke at a time"),
        (["--data", "none.zip"], "none.zip: no such file"),
        (["--renderer", "p.safetensors"], "--renderer p.safetensors: the analytic method tries every stroke"),
        (["--method", "ddpg", "--renderer", "none.safetensors"], "none.safetensors: no such file"),
        (["--method", "ddpg", "--renderer", "FACE"], "face.png"),
    ],
)
def test_options_that_cannot_be_are_one_line(run, home, tmp_path, options, words):
    given = [home / "face.png" if option == "FACE" else option for option in options]
    given += [] if "--data" in options else ["--data", home / "drawn.zip"]
    status, said = run("train-agent", *given, "--outdir", tmp_path / "run", "--device", "cpu")
    assert (status, len(said.splitlines())) == (2, 1)
    assert said.startswith("error: ") and words in said
    assert not (tmp_path / "run").exists()


PAPERS = {  # Huang et al. 2019 with the published program's defaults; Nakano 2019
    "ddpg": {
        **{"brush": "bezier", "size": 128, "bundle": 5, "steps": 40, "background": [0, 0, 0], "batch": 96},
        **{"updates": 500_000, "holdout": 2000, "flip": True, "ema": 0, "every": 500},
        "method": {
            **{"kind": "ddpg", "width": 64, "lr": 1e-3, "critic_lr": 3e-4, "judge_lr": 3e-4, "noise": 0},
            **{"drops": [100_000, 200_000], "gamma": pytest.approx(0.7738, abs=1e-4), "tau": 0.001},
            **{"replay": 32_000, "warmup": 400, "looks": 4},  # 10 updates after 40 looks
        },
    },
    "adversarial": {
        **{"brush": "dry", "size": 64, "bundle": 1, "steps": 15, "background": [1, 1, 1], "batch": 64},
        **{"updates": 27_000, "ema": 0},
        "method": {"kind": "adversarial", "lr": 1e-4, "critic_width": 64, "critic_updates": 5, "squared_weight": 10},
    },
}


@pytest.mark.parametrize("method", list(PAPERS))
def test_the_papers_presets(run, home, method):
    words = ["--data", home / "drawn.zip", "--method", method, "--preset", "paper", "--dry-run"]
    status, said = run("train-agent", *words)
    config = json.loads(said)
    wanted = PAPERS[method]
    assert status == 0
    assert {name: config[name] for name in wanted if name != "method"} == {
        name: value for name, value in wanted.items() if name != "method"
    }
    assert {name: config["method"][name] for name in wanted["method"]} == wanted["method"]


def test_ctrl_c_saves_and_the_same_command_goes_on(home, repository, tmp_path):
    words = ["train-agent", "--data", home / "drawn.zip", *TINY, "--outdir", tmp_path / "run"]
    command = [sys.executable, str(repository / "paint.py"), *map(str, words), "--updates", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    log = tmp_path / "run/log.txt"
    while not (log.exists() and "held out" in log.read_text()) and process.poll() is None:
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, error) == (130, "")
    assert f"To go on: python {repository / 'paint.py'} train-agent" in out.splitlines()[-1]
    done = int(out.splitlines()[-1].split()[2])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while "going on" not in log.read_text() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"going on after {done} of 100000 updates" in out
