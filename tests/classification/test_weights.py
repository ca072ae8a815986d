"""Weights from files: of torchvision, of classify.py, of the exported MobileNetV2; and what cannot be had."""

from urllib.error import URLError

import pytest
import torch
from torch.nn.functional import interpolate
from torchvision.models import _api

from classification.models import build, features_of, head
from classification.snapshot import load_classifier
from classification.weights import load_weights
from tests.support.tiny_classifier import NAME
from torch_utils.errors import ConfigError
from torch_utils.exported import open_program


def test_a_file_fills_all_but_a_head_of_other_classes(tmp_path):
    given, network = build(NAME, 1000, seed=1), build(NAME, 4, seed=2)
    torch.save(given.state_dict(), tmp_path / "w.pth")
    before = head(network)[1].weight.clone()
    found = load_weights(network, NAME, str(tmp_path / "w.pth"))
    assert torch.equal(network.state_dict()["0.weight"], given.state_dict()["0.weight"])
    assert torch.equal(head(network)[1].weight, before)
    assert (found.source, len(found.sha256)) == ("w.pth", 64)


def test_heads_of_auxiliary_outputs_stay_fresh_too(tmp_path):
    given, network = build("inception_v3", 7), build("inception_v3", 4, seed=1)
    torch.save(given.state_dict(), tmp_path / "w.pth")
    weights = load_weights(network, "inception_v3", str(tmp_path / "w.pth"))
    assert network.state_dict()["AuxLogits.fc.weight"].shape[0] == 4
    name = "Mixed_7c.branch_pool.conv.weight"
    assert torch.equal(network.state_dict()[name], given.state_dict()[name])
    assert weights.mean == (0.5, 0.5, 0.5)  # as torchvision's transform_input would make of ImageNet's


def test_a_classifier_of_ours_can_be_where_another_begins(trained):
    network = build(NAME, 3)
    load_weights(network, NAME, str(trained.snapshot))
    assert torch.equal(
        network.state_dict()["0.weight"], load_classifier(trained.snapshot).network.state_dict()["0.weight"]
    )


def test_weights_of_another_network_are_refused_with_their_first_tensor(tmp_path):
    torch.save(build("shufflenet_v2_x0_5", 4).state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="w.pth: not of this network .* first: 0.bias"):
        load_weights(build(NAME, 4), NAME, str(tmp_path / "w.pth"))


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"nonsense", "not a file of weights"), (None, "no such file"), (5, "holds no table of tensors")],
)
def test_a_file_that_is_none_is_one_line(tmp_path, content, words):
    path = tmp_path / "w.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        torch.save(content, path)
    with pytest.raises(ConfigError, match=words):
        load_weights(build(NAME, 4), NAME, str(path))


def test_a_download_that_fails_is_one_line_with_the_remedy(monkeypatch):
    def fail(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(_api, "load_state_dict_from_url", fail)
    with pytest.raises(ConfigError, match="resnet18 cannot be downloaded here .*no network.* Give a file or none."):
        load_weights(build("resnet18", 2), "resnet18", "imagenet")


def test_the_exported_mobilenet_gives_equal_outputs_in_torchvisions_layout(shared):
    path = shared / "weights" / "mobilenet_v2-imagenet-features.pt2"
    network = build("mobilenet_v2", 4)
    weights = load_weights(network, "mobilenet_v2", str(path))
    assert weights.tensorflow_padding and weights.frozen_norm
    pictures = torch.randint(0, 256, (3, 3, 96, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    program, _ = open_program(path)
    with torch.no_grad():
        expected = program.module()(pictures)
        inside = interpolate(pictures.float(), size=(224, 224), mode="bilinear", antialias=True) / 127.5 - 1
        found = features_of(network.eval())(inside)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)
    assert expected.abs().max() > 1
    with pytest.raises(ConfigError, match="holds a mobilenet_v2, not resnet18"):
        load_weights(build("resnet18", 4), "resnet18", str(path))
