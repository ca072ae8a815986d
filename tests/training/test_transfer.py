import zipfile

import pytest

from tests.support.public_files import network_pickle, pickled, write
from tests.support.tiny_run import write_archive
from tests.training.test_run import SETTINGS, start
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


def test_transfer_from_a_public_pickle_takes_over_every_tensor(parent, tmp_path):
    data, _ = parent
    pickle = write(tmp_path / "network.pkl", pickled(network_pickle()))
    narrow = ("generator.z_dim=8", "generator.w_dim=8", "generator.channel_base=64", "generator.channel_max=8")
    narrow = (*SETTINGS, *narrow, "discriminator.channel_base=64", "discriminator.channel_max=8")
    start(data, tmp_path / "run", kimg=0.008, resume=pickle, settings=narrow)
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "transfer from network.pkl" in log
    assert "freshly initialised" not in log
    assert "; not used" not in log


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


def test_transfer_between_kinds_of_generators_is_refused_by_their_names(parent, tmp_path):
    data, run = parent
    with pytest.raises(SnapshotError, match="its generator is stylegan2, this run's stylegan1. Use a preset of its"):
        start(data, tmp_path / "run", kimg=0.016, resume=run.snapshot, cfg="stylegan1")
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
    assert config["augment"]["strength"]["target"] == 0.6


def test_a_network_of_twice_the_resolution_finds_its_layers_in_the_right_places(parent, tmp_path):
    _, run = parent
    data = write_archive(tmp_path / "discs32.zip", resolution=32)
    wide = (*SETTINGS, "generator.channel_base=128", "discriminator.channel_base=128")
    result = start(data, tmp_path / "run", kimg=0.008, resume=run.snapshot, settings=wide)
    log = (tmp_path / "run" / "log.txt").read_text()
    (line,) = [line for line in log.splitlines() if "  D: " in line]
    fresh = line.split("freshly initialised: ")[1].split("; not used")[0].split(", ")
    assert {name.rpartition(".")[0] for name in fresh} >= {"blocks.32.conv0", "blocks.32.conv1", "blocks.32.skip"}
    assert not any(name.startswith("blocks.8.") for name in fresh)
    assert result.images_seen == 8


def test_columns_of_other_labels_are_not_taken_over_even_where_they_fit(tmp_path):
    data = write_archive(tmp_path / "discs.zip")
    one = start(data, tmp_path / "one", kimg=0.016, cond="colour")
    renamed = tmp_path / "renamed.zip"
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(renamed, "w") as new:
        for name in old.namelist():
            new.writestr(
                name, old.read(name).replace(b'"red"', b'"green"') if name.endswith("json") else old.read(name)
            )
    start(renamed, tmp_path / "two", kimg=0.016, cond="colour", resume=one.snapshot)
    log = (tmp_path / "two" / "log.txt").read_text()
    assert log.count("freshly initialised: mapping.embed.weight, mapping.embed.bias") == 3
