"""Where a network's weights come from: torchvision's download, a file, or nowhere; and what they need of the pictures.

An exported MobileNetV2 (.pt2) holds TensorFlow's weights in torchvision's layout but for two things: its strided
convolutions pad below and to the right only, and batch normalisation is folded into the convolutions.
"""

import hashlib
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision.models as zoo
from torch import Tensor, nn
from torch.nn.functional import pad

from classification.models import head
from torch_utils.errors import ConfigError
from torch_utils.exported import open_program
from torch_utils.tensor_file import read_tensors
from torch_utils.text import one_line

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_HALF = (0.5, 0.5, 0.5)
_TENSORFLOW_SCALE = ("inception_v3", "googlenet")  # torchvision's weights of these came from TensorFlow


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What was loaded and what it asks for.

    Attributes:
        source: in words; "none" for a fresh network.
        sha256: of the file, "" where there is none.
        mean, std: of pictures in [0, 1], a channel each.
        tensorflow_padding: strided convolutions pad as TensorFlow does.
        frozen_norm: batch normalisation must keep its statistics.
    """

    source: str = "none"
    sha256: str = ""
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    tensorflow_padding: bool = False
    frozen_norm: bool = False


def load_weights(network: nn.Module, model: str, weights: str) -> Weights:
    """Fill a network in place, all but a head of another number of classes.

    Args:
        weights: "none", "imagenet", or a path: .pth or .pt of torchvision, .safetensors of classify.py, .pt2.
    Raises:
        ConfigError: they cannot be had, or are of another network.
    """
    if weights == "none":
        return Weights()
    mean, std = (_HALF, _HALF) if model in _TENSORFLOW_SCALE else (IMAGENET_MEAN, IMAGENET_STD)
    if weights == "imagenet":
        fill(network, _download(model), f"--weights imagenet: {model}")
        return Weights(source="imagenet", mean=mean, std=std)
    path = Path(weights)
    if not path.is_file():
        raise ConfigError(f"--weights {weights}: no such file. Give a file, imagenet or none.")
    if path.suffix == ".safetensors":
        return _from_classifier(network, path)
    if path.suffix == ".pt2":
        return _from_program(network, model, path)
    fill(network, _from_torch(path), f"--weights {path}")
    return Weights(source=path.name, sha256=_sha256(path), mean=mean, std=std)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load all tensors; those of heads with another number of classes stay fresh.

    Raises:
        ConfigError: tensors missing, left over or of another shape elsewhere than in a head.
    """
    own = network.state_dict()
    heads = _heads(network)
    other = [name for name in own.keys() & tensors.keys() if own[name].shape != tensors[name].shape]
    kept = {name for name in own if name.rpartition(".")[0] in heads and (name in other or name not in tensors)}
    missing = sorted(own.keys() - tensors.keys() - kept)
    wrong = sorted(set(other) - kept)
    unknown = sorted(name for name in tensors.keys() - own.keys() if not _is_auxiliary(name))
    if wrong or missing or unknown:
        raise ConfigError(
            f"{where}: not of this network ({len(missing)} tensors missing, {len(unknown)} unknown, {len(wrong)} of "
            f"another shape; first: {(wrong + missing + unknown)[0]}). Give the weights of the --model named."
        )
    network.load_state_dict({name: own[name] if name in kept else tensors[name] for name in own})


def _is_auxiliary(name: str) -> bool:
    """Of a head that a network of smaller pictures does without."""
    return name.lower().startswith("aux")


def _heads(network: nn.Module) -> set[str]:
    """Names of the head and of auxiliary heads: the layers with as many outputs as it."""
    _, last = head(network)
    outputs = last.weight.shape[0]
    return {
        name
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d) and layer.weight.shape[0] == outputs
        if layer is last or _is_auxiliary(name)
    }


def _download(model: str) -> Mapping[str, Tensor]:
    entry = next(iter(zoo.get_model_weights(model)), None)  # the first ones are those of the reference recipe
    if entry is None:
        raise ConfigError(f"--weights imagenet: torchvision has none of {model}. Use --weights none.")
    try:
        return entry.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, no space; or another file than expected
        raise ConfigError(
            f"--weights imagenet: {model} cannot be downloaded here ({one_line(error)}). Give a file or none."
        ) from error


def _from_torch(path: Path) -> Mapping[str, Tensor]:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"--weights {path}: not a file of weights ({one_line(error)}). Give a .pth of torchvision."
        ) from error
    if not isinstance(found, dict) or not found or not all(isinstance(value, Tensor) for value in found.values()):
        raise ConfigError(f"--weights {path}: holds no table of tensors. Give a .pth of torchvision.")
    return found


def _from_classifier(network: nn.Module, path: Path) -> Weights:
    from classification.snapshot import PREFIX, read_info  # which imports this module

    file = read_tensors(path, (PREFIX,), writer="classify.py")
    before = read_info(path, file.document, file.digest).weights
    fill(network, {name.removeprefix(PREFIX): tensor for name, tensor in file.tensors.items()}, f"--weights {path}")
    if before.tensorflow_padding:
        pad_as_tensorflow(network)
    return Weights(
        source=path.name,
        sha256=file.digest,
        mean=before.mean,
        std=before.std,
        tensorflow_padding=before.tensorflow_padding,
        frozen_norm=before.frozen_norm,
    )


def _from_program(network: nn.Module, model: str, path: Path) -> Weights:
    """TensorFlow's MobileNetV2 in an exported program: its tensors are torchvision's, in torchvision's order."""
    program, digest = open_program(path, option="--weights")
    heads = _heads(network)
    own = [*network.named_parameters(), *network.named_buffers()]
    own = [(name, tensor) for name, tensor in own if name.rpartition(".")[0] not in heads]
    found = [tensor for _, tensor in (*program.named_parameters(), *program.named_buffers())]
    if model != "mobilenet_v2" or [tensor.shape for _, tensor in own] != [tensor.shape for tensor in found]:
        raise ConfigError(f"--weights {path}: holds a mobilenet_v2, not {model}. Use --model mobilenet_v2.")
    with torch.no_grad():
        for (_, tensor), given in zip(own, found, strict=True):
            tensor.copy_(given)
    pad_as_tensorflow(network)
    return Weights(source=path.name, sha256=digest, mean=_HALF, std=_HALF, tensorflow_padding=True, frozen_norm=True)


class TensorFlowPadded(nn.Conv2d):
    """A convolution of kernel 3 and stride 2 that pads below and to the right only, as TensorFlow's SAME does."""

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(pad(input, (0, 1, 0, 1)), self.weight, self.bias)


def pad_as_tensorflow(network: nn.Module) -> None:
    """Change the padding of every strided 3×3 convolution, in place; names and weights stay."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2) and layer.kernel_size == (3, 3):
            layer.padding = (0, 0)
            layer.__class__ = TensorFlowPadded


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
