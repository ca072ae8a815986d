"""torchvision's networks: the paper's seven with the right head and size, any other by name, errors."""

import pytest
import torch
from torch import nn

from classification.models import (
    PAPER_MODELS,
    build,
    check_model,
    check_size,
    features_of,
    head,
    input_size,
    logits_of,
    maps_of,
    resize_of,
)
from torch_utils.errors import ConfigError

FEATURES = {
    "vgg11": 4096,
    "alexnet": 4096,
    "resnet18": 512,
    "resnet34": 512,
    "mobilenet_v2": 1280,
    "densenet121": 1024,
    "inception_v3": 2048,
}


@pytest.mark.parametrize("model", PAPER_MODELS)
def test_the_papers_networks_have_the_right_head_and_input_size(model):
    size = input_size(model)
    with torch.device("meta"):  # shapes alone: no memory, no time
        network = build(model, 4)
        main, others = logits_of(network.train()(torch.zeros(2, 3, size, size)))
    assert main.shape == (2, 4)
    assert [tuple(other.shape) for other in others] == ([(2, 4)] if model == "inception_v3" else [])
    assert (size, resize_of(size)) == ((299, 342) if model == "inception_v3" else (224, 256))
    assert head(network)[1].weight.shape == (4, FEATURES[model])


@pytest.mark.parametrize("model", ["shufflenet_v2_x0_5", "squeezenet1_1", "efficientnet_b0", "vit_b_16", "googlenet"])
def test_any_other_classifier_of_torchvision_goes_by_its_name(model):
    check_model(model)
    with torch.device("meta"):
        network = build(model, 3).eval()
        assert logits_of(network(torch.zeros(1, 3, 224, 224)))[0].shape == (1, 3)


def test_the_first_weights_are_a_function_of_the_seed_and_nothing_else_random_moves():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, same, other = (
        build("shufflenet_v2_x0_5", 2, 5),
        build("shufflenet_v2_x0_5", 2, 5),
        build("shufflenet_v2_x0_5", 2, 6),
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(head(first)[1].weight, head(same)[1].weight)
    assert not torch.equal(head(first)[1].weight, head(other)[1].weight)


@pytest.mark.parametrize("model", ["shufflenet_v2_x0_5", "squeezenet1_1"])
def test_features_are_what_the_head_sees(model):
    network = build(model, 3).eval()
    pictures = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        found = features_of(network)(pictures)
        layer = head(network)[1]
        assert found.shape == (2, layer.weight.shape[1])
        if isinstance(layer, nn.Linear):
            torch.testing.assert_close(layer(found), network(pictures))


def test_an_unknown_model_is_named_with_its_neighbour():
    with pytest.raises(
        ConfigError, match="--model resnet81: torchvision has no such classifier. Did you mean resnet18?"
    ):
        check_model("resnet81")
    with pytest.raises(ConfigError, match="torchvision has no such classifier. Use for example vgg11, alexnet"):
        check_model("painting")
    with pytest.raises(ConfigError, match="no such classifier"):
        check_model("fasterrcnn_resnet50_fpn")  # torchvision's, but not a classifier


def test_inception_below_its_size_does_without_the_auxiliary_head():
    with torch.device("meta"):
        network = build("inception_v3", 4, size=128)
        main, others = logits_of(network.train()(torch.zeros(2, 3, 128, 128)))
    assert (main.shape, others) == ((2, 4), [])


@pytest.mark.parametrize(("model", "size"), [("inception_v3", 64), ("vgg11", 16), ("vit_b_16", 128), ("resnet18", 0)])
def test_a_size_that_does_not_fit_is_refused_before_any_work(model, size):
    with pytest.raises(ConfigError, match=f"--size {size}: .* Use {input_size(model)}."):
        check_size(model, size)


@pytest.mark.parametrize(
    ("model", "stage", "shape"),
    [
        ("vgg16", "features.22", (512, 16, 16)),
        ("resnet18", "layer2", (128, 16, 16)),
        ("mobilenet_v2", "features.6", (32, 16, 16)),
        ("googlenet", "inception3b", (480, 16, 16)),
    ],
)
def test_the_last_stage_of_an_eighth_of_the_picture_is_found(model, stage, shape):
    with torch.device("meta"):
        name, maps = maps_of(build(model, 2).eval(), 8)
        assert name == stage
        assert maps(torch.zeros(2, 3, 128, 128)).shape == (2, *shape)


def test_maps_are_those_of_the_stage_and_nothing_above_it_is_computed():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    name, maps = maps_of(network, 8)
    pictures = torch.rand(2, 3, 32, 32, requires_grad=True)
    network[2] = nn.Linear(1, 1)  # would not take maps
    found = maps(pictures)
    assert name == "1"
    assert torch.equal(found, network[1](network[0](pictures)))
    found.sum().backward()
    assert pictures.grad is not None
    assert not any(layer._forward_hooks for layer in network.modules())


def test_a_network_without_such_maps_is_refused():
    with torch.device("meta"), pytest.raises(ConfigError, match="none of its stages has maps of at least 1/8"):
        maps_of(build("vit_b_16", 2).eval(), 8, side=224)
    with torch.device("meta"), pytest.raises(ConfigError, match="it does not take pictures of 128 pixels"):
        maps_of(build("vit_b_16", 2).eval(), 8)
