"""torchvision's classifiers by name: the right head, the right input size, and the features before the head."""

import difflib
from collections.abc import Callable
from functools import partial

import torch
import torchvision.models as zoo
from torch import Tensor, nn

from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.text import one_line

PAPER_MODELS = ("vgg11", "alexnet", "resnet18", "resnet34", "mobilenet_v2", "densenet121", "inception_v3")
AUXILIARY = {"inception_v3": 0.4, "googlenet": 0.3}  # weight of each auxiliary loss (Szegedy et al. 2015, 2016)
_SIZES = {"inception_v3": 299}
_USUAL_SIZE, _RESIZE = 224, 256 / 224
_LARGEST = 1024


def check_model(name: str) -> None:
    """Raise a ConfigError unless torchvision has a classifier of that name."""
    there = zoo.list_models(module=zoo)
    if name not in there:
        near = difflib.get_close_matches(name, there, n=1, cutoff=0.6)
        remedy = f"Did you mean {near[0]}?" if near else f"Use for example {', '.join(PAPER_MODELS)}."
        raise ConfigError(f"--model {name}: torchvision has no such classifier. {remedy}")


def input_size(model: str) -> int:
    """Side of the pictures a model is made for, in pixels."""
    return _SIZES.get(model, _USUAL_SIZE)


def resize_of(size: int) -> int:
    """Side before the centre crop: 256 for 224, 342 for 299."""
    return round(size * _RESIZE)


def build(model: str, classes: int, seed: int = 0, *, size: int | None = None) -> nn.Module:
    """A network with a fresh head of `classes` outputs; its initial weights are a function of the seed.

    Args:
        size: of the pictures; below its own, Inception has no auxiliary head, which would see less than one pixel.
    Raises:
        ConfigError: no such model.
    """
    check_model(model)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seeding.derive(seed, "classifier", model))
        return _fresh(model, classes, size or input_size(model))


def _fresh(model: str, classes: int, size: int) -> nn.Module:
    fits = model != "inception_v3" or size >= input_size(model)
    extra = {"aux_logits": fits, "init_weights": True} if model in AUXILIARY else {}
    return zoo.get_model(model, weights=None, num_classes=classes, **extra)


def check_size(model: str, size: int) -> None:
    """Raise a ConfigError unless the model takes pictures of this size: tried on shapes alone."""
    if not 1 <= size <= _LARGEST:
        raise ConfigError(f"--size {size}: not from 1 to {_LARGEST}. Use {input_size(model)}.")
    try:
        with torch.device("meta"), torch.no_grad():
            _fresh(model, 2, size).train()(torch.zeros(2, 3, size, size))
    except Exception as error:  # a size that does not fit fails in whatever layer comes to nothing first
        raise ConfigError(
            f"--size {size}: {model} does not take it ({one_line(error, 80)}). Use {input_size(model)}."
        ) from error


def channels_last(network: nn.Module) -> nn.Module:
    """The network with a pixel's channels side by side in memory, in place.

    On one CPU core a MobileNetV2 trains 1.5 times as fast so, a ResNet-18 as fast as before.
    """
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def head(network: nn.Module) -> tuple[str, nn.Linear | nn.Conv2d]:
    """The last layer, with its name: what makes features into logits."""
    layers = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    name, layer = layers[-1]
    return name, layer


def features_of(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """The same network up to its head: pictures [N, 3, S, S] → features [N, D], pooled where they are maps."""
    _, layer = head(network)
    caught: list[Tensor] = []

    def catch(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        caught.append(inputs[0])

    def features(pictures: Tensor) -> Tensor:
        handle = layer.register_forward_pre_hook(catch)
        try:
            network(pictures)
            found = caught.pop()
        finally:
            handle.remove()
            caught.clear()
        return found.mean((2, 3)) if found.ndim == 4 else found

    return features


def maps_of(network: nn.Module, reduction: int, side: int = 128) -> tuple[str, Callable[[Tensor], Tensor]]:
    """The same network up to the last of its stages whose maps are at least a `reduction`-th of the picture's side.

    Args:
        side: of the picture it is found out with, in pixels.
    Returns:
        the stage's name, and pictures [N, 3, H, W] → maps [N, C, h, w]; what lies above the stage is not computed.
    Raises:
        ConfigError: no stage has maps as large as that.
    """
    stages = dict(network.named_children())
    if isinstance(body := stages.get("features"), nn.Sequential):
        stages = {f"features.{name}": stage for name, stage in body.named_children()}
    found: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(_: nn.Module, __: tuple[Tensor, ...], output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and min(output.shape[2:]) * reduction >= side:
                found.append(name)

        return hook

    handles = [stage.register_forward_hook(note(name)) for name, stage in stages.items()]
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, side, side))
    except Exception as error:  # a size that does not fit fails in whatever layer minds it
        raise ConfigError(
            f"it does not take pictures of {side} pixels ({one_line(error, 80)}). Use another network."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise ConfigError(f"none of its stages has maps of at least 1/{reduction} of the picture. Use another network.")
    return found[-1], partial(_up_to, network, stages[found[-1]])


class _ReachedError(Exception):
    """Carries a stage's output out of a network that need not go on."""


def _up_to(network: nn.Module, stage: nn.Module, pictures: Tensor) -> Tensor:
    def stop(_: nn.Module, __: tuple[Tensor, ...], output: Tensor) -> None:
        raise _ReachedError(output)

    handle = stage.register_forward_hook(stop)
    try:
        network(pictures)
    except _ReachedError as reached:
        return reached.args[0]
    finally:
        handle.remove()
    raise AssertionError("the stage was reached when it was chosen")


def logits_of(outputs: Tensor | tuple[Tensor | None, ...]) -> tuple[Tensor, list[Tensor]]:
    """Logits [N, classes], and those of the auxiliary heads that are there in training."""
    if isinstance(outputs, Tensor):
        return outputs, []
    main, *others = outputs
    assert main is not None
    return main, [other for other in others if other is not None]


def freeze_norms(network: nn.Module) -> None:
    """Let batch normalisation keep the statistics it has: for weights it is folded into."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval()
