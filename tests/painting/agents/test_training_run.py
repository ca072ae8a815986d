"""Training agents: they learn, go on exactly, keep to their options, and leave a file that paints."""

import json

import pytest
import torch

from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces
from painting.agents import measure, training_run
from painting.agents.agent_file import load_agent
from painting.agents.analytic import AnalyticLearner
from painting.agents.config import AgentConfig
from painting.agents.faces import read_faces
from painting.agents.measure import errors
from painting.agents.methods import build
from painting.agents.training_run import AGENT, CHECKPOINT, train
from torch_utils.errors import ConfigError, DataError, DivergedError, SnapshotError

TINY = {
    "analytic": (("method.width=8", "method.widest=16"), {"steps": 3, "bundle": 2, "size": 16}),
    "ddpg": (("method.width=8", "method.replay=24", "method.warmup=2"), {"steps": 3, "bundle": 2, "size": 16}),
    "adversarial": (("method.critic_width=8", "method.critic_updates=1"), {"steps": 2, "size": 32}),
}


def tiny(learn, folder, method, *settings, **flags):
    own, shape = TINY[method]
    return learn(folder, method, *own, *settings, **{"batch": 4, "updates": 6, **shape, **flags})


def history(folder):
    return [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]


def test_an_agent_learns_to_paint_faces_it_has_not_seen(agent, drawn):
    """P11's quick sister: the mean squared error falls eightfold, and well below that of an untrained agent, which
    chooses well but proposes at random."""
    loaded = load_agent(agent.agent)
    config = loaded.info.config
    held = read_faces(Archive.open(drawn), config.size, config.holdout, config.seed).held
    empty = (held.float() / 255).square().mean().item()
    torch.manual_seed(1)
    untrained = errors(build(config).eval(), held, config.background)["l2"]
    assert agent.metrics["l2"] < empty / 8
    assert agent.metrics["l2"] < 0.6 * untrained
    course = [loaded.info.metrics[name] for name in ("l2/10%", "l2/25%", "l2/50%", "l2")]
    assert course == sorted(course, reverse=True)


def test_the_file_paints_what_was_measured(agent, drawn):
    loaded = load_agent(agent.agent)
    config = loaded.info.config
    archive = Archive.open(drawn)
    held = read_faces(archive, config.size, config.holdout, config.seed)
    assert errors(loaded.policy, held.held, config.background) == loaded.info.metrics == agent.metrics
    assert loaded.info.data["held_out"] == list(held.names) and len(held.names) == 8
    assert loaded.info.data["digest"] == archive.digest
    assert len(held.learnt) == 72


@pytest.mark.parametrize("method", list(TINY))
def test_a_stopped_training_goes_on_bit_equal(learn, tmp_path, monkeypatch, method):
    unbroken = tiny(learn, tmp_path / "unbroken", method, "every=3", updates=7)
    taken = 0

    def stop_once(_) -> int:
        nonlocal taken
        taken += 1
        return 143 if taken == 4 else 0

    monkeypatch.setattr(training_run.Interrupts, "take", stop_once)
    stopped = tiny(learn, tmp_path / "broken", method, "every=3", updates=7)
    assert (stopped.interrupted, stopped.updates) == (143, 4)
    torch.manual_seed(99)
    resumed = tiny(learn, tmp_path / "broken", method, "every=3", updates=7)
    assert (resumed.interrupted, resumed.updates) == (0, 7)
    assert load_agent(resumed.agent).info.digest == load_agent(unbroken.agent).info.digest
    assert history(tmp_path / "broken") == history(tmp_path / "unbroken")


def test_a_finished_training_is_left_as_it_is(learn, tmp_path):
    tiny(learn, tmp_path, "analytic")
    before = (tmp_path / CHECKPOINT).read_bytes(), (tmp_path / AGENT).read_bytes()
    assert tiny(learn, tmp_path, "analytic").updates == 6
    assert ((tmp_path / CHECKPOINT).read_bytes(), (tmp_path / AGENT).read_bytes()) == before


def test_other_options_in_the_same_folder_are_refused_by_name(learn, tmp_path):
    tiny(learn, tmp_path, "analytic")
    with pytest.raises(ConfigError, match=r"holds a run with other options \(seed was 0, is 3\)"):
        tiny(learn, tmp_path, "analytic", seed=3)


def test_other_pictures_under_the_same_name_are_refused(drawn, tmp_path):
    config = AgentConfig(data="drawn.zip", size=16, steps=2, bundle=1, batch=2, updates=1, holdout=4)
    pack_drawn_faces(tmp_path / "other/drawn.zip", count=20, resolution=16, seed=1)
    cpu = torch.device("cpu")
    train(config, Archive.open(drawn), tmp_path / "run", cpu, log=lambda _: None)
    with pytest.raises(SnapshotError, match="learnt from other pictures than drawn.zip holds now"):
        train(config, Archive.open(tmp_path / "other/drawn.zip"), tmp_path / "run", cpu, log=lambda _: None)


def test_errors_are_a_mean_over_all_pictures_however_many_at_once(agent, drawn, monkeypatch):
    loaded = load_agent(agent.agent)
    held = read_faces(Archive.open(drawn), 32, 8, 0).held
    together = errors(loaded.policy, held[:5], (0.0, 0.0, 0.0))
    monkeypatch.setattr(measure, "_AT_ONCE", 2)
    assert errors(loaded.policy, held[:5], (0.0, 0.0, 0.0)) == pytest.approx(together, rel=1e-3)


@pytest.mark.parametrize("damage", [b"", b"junk", b"cut"])
def test_a_damaged_checkpoint_is_told(learn, tmp_path, damage):
    tiny(learn, tmp_path, "analytic")
    file = tmp_path / CHECKPOINT
    file.write_bytes(file.read_bytes()[:5000] if damage == b"cut" else damage)
    with pytest.raises(SnapshotError, match="checkpoint.pt: damaged"):
        tiny(learn, tmp_path, "analytic")


def test_a_loss_that_is_not_finite_ends_it_and_keeps_the_file(learn, tmp_path):
    tiny(learn, tmp_path, "ddpg", "every=2", updates=2)
    before = (tmp_path / AGENT).read_bytes()
    with pytest.raises(DivergedError, match="not finite. Start again with a lower --set method.lr"):
        tiny(learn, tmp_path / "other", "ddpg", "method.lr=1e30", "every=2")
    assert (tmp_path / AGENT).read_bytes() == before


def test_too_few_pictures_are_refused(tmp_path):
    from tests.support.tiny_run import write_archive

    archive = Archive.open(write_archive(tmp_path / "few.zip", count=9))
    with pytest.raises(DataError, match="9 pictures are too few"):
        read_faces(archive, 16, 8, 0)


def test_pictures_are_resized(drawn):
    faces = read_faces(Archive.open(drawn), 16, 8, 0)
    large = read_faces(Archive.open(drawn), 32, 8, 0)
    assert faces.learnt.shape == (72, 3, 16, 16)
    averaged = large.learnt.float().unflatten(2, (16, 2)).unflatten(4, (16, 2)).mean((3, 5))
    assert (faces.learnt.float() - averaged).abs().mean() < 8  # the same faces, in the same order
    assert (faces.learnt.float() - averaged.roll(1, 0)).abs().mean() > 24


def test_a_line_tells_the_mean_since_the_last_one(learn, tmp_path, monkeypatch):
    monkeypatch.setattr(AnalyticLearner, "update", lambda _, step: {"loss/policy": torch.tensor(step + 1.0)})
    tiny(learn, tmp_path, "analytic", "every=2", updates=4)
    assert [line["loss/policy"] for line in history(tmp_path)] == [1.5, 3.5]


def test_at_most_a_tenth_is_held_out(drawn):
    faces = read_faces(Archive.open(drawn), 16, 64, 0)
    assert (len(faces.held), len(faces.learnt)) == (8, 72)
