"""Whole runs, tiny: what they leave, and that stopping and going on changes nothing."""

import json
from pathlib import Path

import pytest
import torch

from networks.snapshot import load_generator
from tests.support.tiny_run import TINY, weights_digest, write_archive
from torch_utils.errors import ConfigError, DivergedError, SnapshotError, StorageError
from torch_utils.files import storage_error
from torch_utils.ops.native import LoadedOps
from training import run as run_module
from training import saving
from training.options import Flags, open_run
from training.run import RunResult, train

SETTINGS = (*TINY, "schedule.batch_size=8", "schedule.batch_gpu=4", "losses.r1.every=2", "losses.path_length.every=2")


def start(data: Path, outdir: Path, *, stop_at: int | None = None, settings=SETTINGS, **flags) -> RunResult:
    options = {"cfg": "kaokore", "kimg": 0.096, "tick": 0.016, "snap": 1, "gpus": 0} | flags
    config, folder, archive = open_run(Flags(data=data, outdir=outdir, settings=settings, **options))
    return train(config, folder, archive, stop_at=stop_at)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> RunResult:
    return start(data, tmp_path_factory.mktemp("runs") / "unbroken", cond="all")


def test_a_run_leaves_the_files_it_promises(unbroken):
    there = {path.name for path in unbroken.folder.iterdir()}
    assert {"config.json", "log.txt", "stats.jsonl", "tensorboard", "reals.png", "fakes-init.png"} <= there
    assert {"fakes-000000.096.png", "snapshot-000000.096.safetensors", "checkpoint-000000096.pt"} <= there
    assert list((unbroken.folder / "tensorboard").iterdir())


def test_stats_hold_a_line_a_tick_with_losses_speed_and_p(unbroken):
    lines = [json.loads(line) for line in (unbroken.folder / "stats.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in lines] == pytest.approx([0.016, 0.032, 0.048, 0.064, 0.08, 0.096])
    wanted = {"loss/G", "loss/D", "r1/penalty", "path_length/mean", "augment/p", "time/s_per_kimg", "signs/real"}
    assert all(wanted <= line.keys() for line in lines)


def test_the_snapshot_says_what_it_was_trained_on(unbroken):
    info = load_generator(unbroken.snapshot).info
    assert info.images_seen == 96
    assert info.data["name"] == "discs.zip"
    assert info.data["licence"] == "CC0"
    assert [label_set.name for label_set in info.image_spec.label_sets] == ["colour", "size"]
    assert sum(count for _, count in info.label_counts) == 24
    assert info.config["preset"] == "kaokore"


def test_only_the_newest_two_checkpoints_are_kept(unbroken):
    assert len(list(unbroken.folder.glob("checkpoint-*.pt"))) == 2


@pytest.mark.parametrize("stop_at", [16, 48, 80])
def test_a_run_stopped_and_started_again_ends_bit_equal(data, unbroken, tmp_path, stop_at):
    first = start(data, tmp_path / "run", cond="all", stop_at=stop_at)
    assert first.images_seen == stop_at
    second = start(data, tmp_path / "run", cond="all")
    assert "going on from" in (tmp_path / "run" / "log.txt").read_text()
    assert weights_digest(second) == weights_digest(unbroken)


def test_every_tick_is_told_once_after_going_on_from_an_older_checkpoint(data, tmp_path):
    start(data, tmp_path / "run", snap=2, stop_at=48)  # told of 48, saved at 32
    start(data, tmp_path / "run", snap=2, kimg=0.064)
    lines = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [line["kimg"] for line in lines] == pytest.approx([0.016, 0.032, 0.048, 0.064])


def test_another_seed_ends_elsewhere(data, unbroken, tmp_path):
    assert weights_digest(start(data, tmp_path / "run", cond="all", seed=1)) != weights_digest(unbroken)


def test_the_thread_count_is_restored_from_the_checkpoint(data, tmp_path):
    threads = torch.get_num_threads()
    try:
        start(data, tmp_path / "run", stop_at=16)
        torch.set_num_threads(threads + 1)
        start(data, tmp_path / "run", stop_at=32)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(threads)


def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(data, unbroken, tmp_path):
    first = start(data, tmp_path / "run", cond="all", stop_at=48)
    newest = max(first.folder.glob("checkpoint-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-200])
    second = start(data, tmp_path / "run", cond="all")
    assert "going on from checkpoint-000000032.pt" in (first.folder / "log.txt").read_text()
    assert weights_digest(second) == weights_digest(unbroken)


def test_a_flipped_bit_in_every_checkpoint_is_refused(data, tmp_path):
    first = start(data, tmp_path / "run", stop_at=32)
    for path in first.folder.glob("checkpoint-*.pt"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(SnapshotError, match="damaged, and no older checkpoint is whole. Start again"):
        start(data, tmp_path / "run")


def test_going_on_with_other_options_is_refused_by_name(data, tmp_path):
    start(data, tmp_path / "run", stop_at=16)
    with pytest.raises(ConfigError, match="losses.r1.gamma was .*, now 9.0"):
        start(data, tmp_path / "run", gamma=9.0)


def test_going_on_with_other_pictures_is_refused(data, tmp_path):
    start(data, tmp_path / "run", stop_at=16)
    other = write_archive(tmp_path / "discs.zip", count=20)
    with pytest.raises(ConfigError, match="data.digest was"):
        start(other, tmp_path / "run")


def test_going_on_for_longer_is_allowed(data, tmp_path):
    start(data, tmp_path / "run", kimg=0.016)
    assert start(data, tmp_path / "run", kimg=0.048).images_seen == 48


def test_going_on_with_other_ops_is_allowed_and_they_are_loaded_once_before_the_networks(data, tmp_path, monkeypatch):
    start(data, tmp_path / "run", stop_at=16)
    asked = []

    def load(mode, device, say) -> LoadedOps:
        asked.append((mode, device.type))
        say("building them")
        return LoadedOps(("ops_pretended",))

    monkeypatch.setattr(run_module, "load_ops", load)
    start(data, tmp_path / "run", stop_at=32, ops="reference")
    assert asked == [("reference", "cpu")]
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("building them\n") == log.count("compiled ops: ops_pretended\n") == 1


def test_ops_that_cannot_be_had_are_an_error_before_anything_is_written(data, tmp_path):
    with pytest.raises(ConfigError, match="--ops cuda: this runs on the cpu"):
        start(data, tmp_path / "run", ops="cuda")
    assert not (tmp_path / "run").exists()


def test_the_same_command_in_another_folder_gives_the_same_weights(data, tmp_path):
    one = start(data, tmp_path / "one", kimg=0.016)
    again = start(data, tmp_path / "again", kimg=0.016)
    assert weights_digest(one) == weights_digest(again)


def test_a_run_amid_strong_augmentation_goes_on_bit_equal(data, tmp_path):
    settings = (*SETTINGS, "augment.strength.start_p=0.5", "augment.strength.kimg=0.1")
    whole = start(data, tmp_path / "whole", kimg=0.048, settings=settings)
    start(data, tmp_path / "broken", kimg=0.048, settings=settings, stop_at=16)
    assert weights_digest(start(data, tmp_path / "broken", kimg=0.048, settings=settings)) == weights_digest(whole)


def test_a_batch_that_crosses_several_ticks_is_saved_all_the_same(data, tmp_path):
    result = start(data, tmp_path / "run", tick=0.003, snap=4, kimg=0.04)
    saved = sorted(path.name for path in result.folder.glob("snapshot-*"))
    assert saved == [f"snapshot-000000.{n}.safetensors" for n in ("008", "016", "024", "04")]


def test_a_step_that_never_comes_out_finite_ends_the_run(data, tmp_path):
    with pytest.raises(DivergedError, match="step 'R1' was not finite 10 times in a row"):
        start(data, tmp_path / "run", kimg=0.4, settings=(*SETTINGS, "losses.r1.gamma=1e38"))


def test_a_full_disk_while_saving_warns_and_training_goes_on(data, tmp_path, monkeypatch):
    real, calls = saving.write_checkpoint, []

    def full_once(folder, contents, **options):
        calls.append(contents["images_seen"])
        if len(calls) == 2:
            raise storage_error(folder / "checkpoint.pt", OSError(28, "No space left on device"))
        return real(folder, contents, **options)

    monkeypatch.setattr(saving, "write_checkpoint", full_once)
    result = start(data, tmp_path / "run", kimg=0.048)
    assert result.images_seen == 48
    assert "no space left on the disk" in (tmp_path / "run" / "log.txt").read_text()
    assert (tmp_path / "run" / "checkpoint-000000016.pt").exists()


def test_a_full_disk_at_the_last_save_is_an_error(data, tmp_path, monkeypatch):
    def full(folder, contents, **_):
        raise storage_error(folder / "checkpoint.pt", OSError(28, "No space left on device"))

    monkeypatch.setattr(saving, "write_checkpoint", full)
    with pytest.raises(StorageError, match="no space left on the disk. Free some and run the same command again"):
        start(data, tmp_path / "run", kimg=0.016)


def test_a_gradient_that_is_not_finite_is_never_applied(data, tmp_path):
    result = start(data, tmp_path / "run", kimg=0.016, settings=(*SETTINGS, "losses.r1.gamma=1e38"))
    contents = torch.load(max(result.folder.glob("checkpoint-*.pt")), weights_only=True)
    assert contents["steps_skipped"] > 0
    assert all(tensor.isfinite().all() for tensor in contents["discriminator"].values())
    assert "its gradient is not finite" in (result.folder / "log.txt").read_text()


def test_a_gpu_that_is_too_small_is_told_with_the_remedy(data, tmp_path, monkeypatch):
    def too_much(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(run_module, "take_step", too_much)
    with pytest.raises(ConfigError, match="--batch-gpu 4: the GPU's memory does not hold step 'G' .* Use half as many"):
        start(data, tmp_path / "run", kimg=0.016)


def test_unused_labels_are_said_aloud(data, tmp_path):
    start(data, tmp_path / "run", kimg=0.016)
    assert "labels found but not used: colour, size" in (tmp_path / "run" / "log.txt").read_text()


def test_a_snapshot_of_ema_alone_has_no_other_network(data, tmp_path):
    from safetensors import safe_open

    result = start(data, tmp_path / "run", kimg=0.016, snapshot_parts="ema")
    with safe_open(result.snapshot, framework="pt") as file:
        assert all(name.startswith("ema.") for name in file.keys())  # noqa: SIM118 - no mapping


def test_keep_leaves_the_newest_snapshots_and_milestones(data, tmp_path):
    run = start(data, tmp_path / "run", keep=2, milestone=0.032)
    there = sorted(path.name for path in run.folder.glob("snapshot-*"))
    assert there == [f"snapshot-000000.{n}.safetensors" for n in ("032", "064", "08", "096")]
