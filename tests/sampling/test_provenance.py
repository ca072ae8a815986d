"""What a picture says of its origin."""

from pathlib import Path

import pytest

from networks.interface import ImageSpec
from networks.snapshot import LoadedGenerator, SnapshotInfo
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from sampling.provenance import consecutive, provenance, seed_words

CONFIG = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)


def loaded(**data) -> LoadedGenerator:
    spec = ImageSpec(resolution=16)
    info = SnapshotInfo(image_spec=spec, generator=CONFIG, images_seen=40_000, data=data, digest="ab12")
    return LoadedGenerator(network=CONFIG.build(spec), info=info, path=Path("runs/demo/snapshot-000040.safetensors"))


def test_seed_psi_noise_and_snapshot_are_named():
    text = provenance(loaded(), [7], psi=0.7, noise="const")
    assert (text["seeds"], text["psi"], text["noise_mode"]) == ("7", "0.7", "const")
    assert (text["snapshot"], text["snapshot_sha256"]) == ("snapshot-000040.safetensors", "ab12")
    assert text["images_seen"] == "40000"


def test_what_does_not_apply_is_left_out():
    text = provenance(loaded(), [7], psi=1, noise="const")
    assert not {"psi_cutoff", "class", "data_licence", "data_attribution"} & text.keys()


def test_classes_cutoff_licence_and_attribution_are_named():
    source = loaded(licence="CC BY-SA 4.0", attribution="CODH")
    text = provenance(source, [7], psi=0.5, noise="none", cutoff=4, classes={"status": "warrior", "gender": "male"})
    assert text["class"] == "status=warrior, gender=male"
    assert text["psi_cutoff"] == "4"
    assert (text["data_licence"], text["data_attribution"]) == ("CC BY-SA 4.0", "CODH")


@pytest.mark.parametrize(
    ("seeds", "words"),
    [([0, 1, 2], "0-2"), ([5], "5"), ([1, 5, 9], "1,5,9"), ([3, 2, 1], "3,2,1"), (list(range(7, 71)), "7-70")],
)
def test_seeds_are_told_as_a_user_would_write_them(seeds, words):
    assert seed_words(seeds) == words


@pytest.mark.parametrize(("seeds", "whole"), [([4], True), ([4, 5], True), ([4, 6], False), ([5, 4], False)])
def test_a_run_of_seeds_without_gaps_is_seen(seeds, whole):
    assert consecutive(seeds) is whole
