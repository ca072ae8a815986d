"""Snapshots: what goes in comes out, damage never does, and released formats keep their pixels."""

import dataclasses
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from networks.interface import ImageSpec
from networks.snapshot import SnapshotInfo, fill, load_generator, read_snapshot, save_snapshot
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from sampling.labels import labels_for_seeds
from sampling.pictures import generate_pictures
from torch_utils import tensor_file
from torch_utils.errors import SnapshotError, StorageError
from torch_utils.labels import LabelSet

GOLDEN = Path(__file__).parent.parent / "golden"
CONFIG = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)
SPEC = ImageSpec(resolution=16, label_sets=(LabelSet(name="status", classes=("noble", "warrior")),))
INFO = SnapshotInfo(
    image_spec=SPEC,
    generator=CONFIG,
    images_seen=16_000,
    label_counts=(((0,), 5), ((-1,), 2)),
    data={"name": "faces.zip", "licence": "CC0", "attribution": "絵師"},
    config={"preset": "demo"},
    metrics={"metrics/kid": 0.5},
    project_version="0.1.0",
)


def build(info: SnapshotInfo = INFO, seed: int = 1) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return info.generator.build(info.image_spec)


def save(path: Path, info: SnapshotInfo = INFO, parts=("ema",)) -> Path:
    save_snapshot(path, info, {part: build(info, seed).state_dict() for seed, part in enumerate(parts)})
    return path


def rewritten(path: Path, change) -> Path:
    """The snapshot with its header document changed and its digest made to fit."""
    tensors = load_file(path)
    with safe_open(path, framework="pt") as file:
        document = change(json.loads(file.metadata()["kaokore_stylegan"]))
    text = document if isinstance(document, str) else json.dumps(document)
    digest = tensor_file._digest(text, sorted(tensors.items()))
    save_file(tensors, path, metadata={"kaokore_stylegan": text, "sha256": digest})
    return path


def test_what_is_saved_comes_back_to_the_bit(tmp_path):
    info, tensors = read_snapshot(save(tmp_path / "s.safetensors"), prefixes=("ema.",))
    assert dataclasses.replace(info, digest="") == INFO
    for name, tensor in build(seed=0).state_dict().items():
        assert torch.equal(tensors[f"ema.{name}"], tensor), name


def test_a_loaded_generator_is_ready_to_sample(tmp_path):
    network = load_generator(save(tmp_path / "s.safetensors")).network
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_generating_reads_the_moving_average_alone(tmp_path):
    path = save(tmp_path / "s.safetensors", parts=("ema", "generator"))
    _, tensors = read_snapshot(path, prefixes=("ema.",))
    assert {name.split(".")[0] for name in tensors} == {"ema"}
    assert torch.equal(load_generator(path).network.blocks[0].const, build(seed=0).blocks[0].const)


def test_the_digest_names_weights_and_story(tmp_path):
    def digest(info: SnapshotInfo, seed: int) -> str:
        save_snapshot(tmp_path / "s.safetensors", info, {"ema": build(info, seed).state_dict()})
        return load_generator(tmp_path / "s.safetensors").info.digest

    usual = digest(INFO, 0)
    assert digest(INFO, 0) == usual
    assert digest(INFO, 1) != usual
    assert digest(dataclasses.replace(INFO, images_seen=1), 0) != usual


def test_any_flipped_bit_is_noticed(tmp_path):
    content = save(tmp_path / "s.safetensors").read_bytes()
    dice, damaged = random.Random(3), tmp_path / "d.safetensors"
    header = 8 + int.from_bytes(content[:8], "little")
    places = [dice.randrange(header) for _ in range(100)] + [dice.randrange(header, len(content)) for _ in range(100)]
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        damaged.write_bytes(changed)
        with pytest.raises(SnapshotError) as caught:
            load_generator(damaged)
        assert "\n" not in str(caught.value)


def test_a_snapshot_cut_short_anywhere_is_refused(tmp_path):
    content = save(tmp_path / "s.safetensors").read_bytes()
    for length in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "s.safetensors").write_bytes(content[:length])
        with pytest.raises(SnapshotError, match="not a readable snapshot, it may be cut short"):
            load_generator(tmp_path / "s.safetensors")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d | {"format": "kaokore-stylegan snapshot 9"}, "format 'kaokore-stylegan snapshot 9' is not"),
        (lambda d: d | {"generator": {"kind": "stylegan9"}}, "holds a 'stylegan9' generator; .* Use a newer version"),
        (lambda d: d | {"generator": d["generator"] | {"depth": 3}}, "generator.depth: no such option"),
        (lambda d: {k: v for k, v in d.items() if k != "images_seen"}, "its header is not understood"),
        (lambda d: [d], "its header is not understood"),
        (lambda d: "{", "its header is not understood"),
        (lambda d: d | {"label_counts": 7}, "its header is not understood"),
    ],
)
def test_a_header_of_another_form_is_refused_with_the_reason(tmp_path, change, message):
    with pytest.raises(SnapshotError, match=message):
        load_generator(rewritten(save(tmp_path / "s.safetensors"), change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("blocks.0.const"), "1 tensors missing, 0 unknown, 0 of another shape; first: blocks.0.const"),
        (lambda t: t.update(extra=torch.zeros(1)), "0 tensors missing, 1 unknown, 0 of another shape; first: extra"),
        (lambda t: t.update({"blocks.0.const": torch.zeros(8, 4, 5)}), "1 of another shape; first: blocks.0.const"),
    ],
)
def test_every_tensor_must_be_used_and_every_parameter_filled(change, message):
    tensors = build().state_dict()
    change(tensors)
    with pytest.raises(SnapshotError, match=message):
        fill(build(), tensors, Path("s.safetensors"))


def test_a_snapshot_has_the_rights_that_the_umask_gives(tmp_path):
    (tmp_path / "usual").write_text("")
    assert save(tmp_path / "s.safetensors").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_full_disk_is_one_line_and_the_older_snapshot_stays(tmp_path, monkeypatch):
    path = save(tmp_path / "s.safetensors")
    before = path.read_bytes()

    def full(tensors, to, metadata):
        Path(to).write_bytes(b"half")
        raise tensor_file.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(tensor_file, "save_file", full)
    with pytest.raises(StorageError, match="no space left on the disk"):
        save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["stylegan1", "stylegan2", "stylegan3"])
def test_the_first_snapshot_format_keeps_its_pixels(kind):
    """Made by version 0.1.0: a kind, once released, never changes its meaning."""
    loaded = load_generator(GOLDEN / f"snapshot-1-{kind}.safetensors")
    labels = labels_for_seeds(loaded.info, [0, 1, 2, 3])
    assert labels.tolist() == [[0], [-1], [0], [0]]
    (pictures,) = generate_pictures(loaded.network, [0, 1, 2, 3], labels, psi=0.8)
    expected = np.load(GOLDEN / f"snapshot-1-{kind}.npy")
    assert np.abs(pictures.numpy().astype(int) - expected).max() <= 1  # another processor may round one level apart
