"""What `--content` chooses from: values, a pyramid of them, or the features of a network.

Features are Nakano's content loss: the mean absolute difference of a network's maps of canvas and reference, both under
the same random view. He took InceptionV1's mixed3b, the last maps of an eighth of the picture's side; here it is the
last such stage of any of torchvision's classifiers: layer2 of a ResNet, features.22 (relu4_3) of VGG16, and mixed3b
itself, under the name inception3b, of GoogLeNet.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from painting.jitter import jittered
from painting.objective import CONTENTS, Content, pyramid
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError

REDUCTION = 8  # of maps against pictures
PYRAMID = 1.0  # weight of the pyramid beside features unless asked otherwise; their loss is a share of their own size


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A content loss, ready for painters.

    Attributes:
        told: what to say of it in files.
        of_seed: the loss for a painter of this seed.
    """

    told: dict[str, str]
    of_seed: Callable[[int], Content]

    @property
    def line(self) -> str:
        """In one line."""
        return " ".join(self.told[name] for name in ("name", "file", "stage", "weights") if name in self.told)


def content_named(text: str, pyramid_weight: float | None = None) -> Chosen:
    """ "squared", "pyramid", a classifier of classify.py (.safetensors), or MODEL[:FILE] of torchvision's.

    Args:
        pyramid_weight: of the pyramid beside features; None for PYRAMID.
    Raises:
        UserError: none of these, or weights that cannot be had.
    """
    weight = PYRAMID if pyramid_weight is None else pyramid_weight
    if not (weight >= 0 and math.isfinite(weight)):
        raise ConfigError(f"--pyramid {weight}: not a number from 0 on. Use for example {PYRAMID}.")
    if text in CONTENTS and pyramid_weight is not None:
        raise ConfigError(f"--pyramid {weight}: goes with features, not with {text}. Add --content FILE.safetensors.")
    if text in CONTENTS:
        return Chosen(told={"name": text}, of_seed=lambda _: CONTENTS[text])
    if text.endswith(".safetensors") and ":" not in text:
        network, see, told = _of_classifier(Path(text))
    elif ":" in text or not (Path(text).suffix or "/" in text):
        network, see, told = _of_torchvision(text)
    else:
        raise ConfigError(
            f"--content {text}: no content loss. Use {', '.join(CONTENTS)}, a classifier.safetensors of classify.py, "
            "or MODEL:FILE such as vgg16:vgg16.pth."
        )
    from classification.models import maps_of

    try:
        stage, maps = maps_of(network.eval().requires_grad_(False), REDUCTION)
    except ConfigError as error:
        raise ConfigError(f"--content {text}: {error}") from error

    def of_seed(seed: int) -> Content:
        return FeatureContent(lambda pictures: maps(see(pictures)), seeding.generator(seed, "content"), weight)

    return Chosen(told={**told, "stage": stage, "weights": f"features 1, pyramid {weight:g}"}, of_seed=of_seed)


class FeatureContent:
    """Differences of features, as a share of the reference's own, and of the pyramid by a small weight.

    Features cost more than strokes do. Of the canvases before the last, one drawn at random stands for all.

    Args:
        maps: RGB in 0…1, [N, 3, H, W] → [N, C, h, w].
    """

    def __init__(self, maps: Callable[[Tensor], Tensor], generator: torch.Generator, weight: float):
        self._maps, self._generator, self._weight = maps, generator, weight

    def __call__(self, canvases: Tensor, reference: Tensor, progress: float) -> Tensor:
        last = len(canvases) - 1
        earlier = [int(torch.randint(last, (), generator=self._generator))] if last else []
        seen = torch.stack([reference, *(canvases[index] for index in (*earlier, last))])
        wanted, *found = self._maps(jittered(seen, self._generator))
        size = wanted.abs().mean().clamp_min(1e-6)
        losses = torch.stack([(maps - wanted).abs().mean() / size for maps in found])
        spread = torch.cat([losses[:1].expand(last), losses[-1:]])
        return spread + self._weight * pyramid(canvases, reference, progress)


def _of_classifier(path: Path) -> tuple[nn.Module, Callable[[Tensor], Tensor], dict[str, str]]:
    """A network, how it sees pictures, and what to say of it."""
    from classification.inference import view_of  # brings torchvision, which is slow to import
    from classification.snapshot import load_classifier

    classifier = load_classifier(path)
    told = {"name": classifier.info.name, "file": path.name, "sha256": classifier.info.digest}
    return classifier.network, view_of(classifier).scaled, told


def _of_torchvision(text: str) -> tuple[nn.Module, Callable[[Tensor], Tensor], dict[str, str]]:
    from classification.inputs import View
    from classification.models import build, check_model, input_size
    from classification.weights import load_weights

    model, _, file = text.partition(":")
    try:
        check_model(model)
    except ConfigError as error:
        told = str(error).removeprefix(f"--model {model}: ")
        raise ConfigError(f"--content {text}: neither {' nor '.join(CONTENTS)}, and {told}") from error
    if file == "none":
        raise ConfigError(f"--content {text}: weights of none would say nothing. Give {model}:FILE.")
    network = build(model, 1000)
    try:
        weights = load_weights(network, model, file or "imagenet")
    except ConfigError as error:
        reason = str(error).removeprefix("--weights ").split(". Give ")[0]
        raise ConfigError(
            f"--content {text}: {reason}. Give {model}:FILE with torchvision's weights of it, or use pyramid."
        ) from error
    side = input_size(model)
    told = {"name": model, "file": weights.source} | ({"sha256": weights.sha256} if weights.sha256 else {})
    return network, View(resize=side, size=side, weights=weights).scaled, told
