import pytest
import torch

from tests.support.tiny_run import write_archive
from tests.training.test_run import start
from torch_utils.errors import SnapshotError


@pytest.fixture(scope="module")
def parent(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parent")
    data = write_archive(folder / "discs.zip")
    return data, start(data, folder / "run", kimg=0.016)


def test_transfer_takes_over_every_tensor_and_says_so(parent, tmp_path):
    data, run = parent
    start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot)
    log = (tmp_path / "run" / "log.txt").read_text()
    for title in ("moving average", "G", "D"):
        line = next(line for line in log.splitlines() if f"  {title}: " in line)
        taken, _, there = line.split(": ")[1].split(" tensors")[0].partition(" of ")
        assert taken == there


def test_transfer_to_a_conditional_network_names_what_is_fresh(parent, tmp_path):
    data, run = parent
    start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot, cond="all")
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "freshly initialised: mapping.embed.weight" in log


def test_transfer_between_networks_that_do_not_fit_is_refused(parent, tmp_path):
    data, run = parent
    with pytest.raises(SnapshotError, match="tensors of moving average fit this network .* Use the preset and options"):
        start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot, settings=("generator.channel_base=512",))
    assert not (tmp_path / "run").exists()


def test_transfer_from_ema_alone_starts_g_from_the_average(parent, tmp_path):
    data, _ = parent
    run = start(data, tmp_path / "parent", kimg=0.016, snapshot_parts="ema")
    start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot)
    assert "D: none in the snapshot, freshly initialised" in (tmp_path / "run" / "log.txt").read_text()


def test_transfer_lets_p_rise_five_times_as_fast(parent, tmp_path):
    import json

    data, run = parent
    start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["augment"]["strength"]["kimg"] == 100
    assert torch.isfinite(torch.tensor(config["augment"]["strength"]["target"]))
