"""StyleGAN2 checkpoints in the layout of rosinality's PyTorch port: a torch file with a dict of g_ema and others.

Its modulated convolutions scale their weights at run time by 1 / sqrt(fan-in) where ours do not; that goes into the
weights. Weights and biases otherwise mean the same; their leading sides of length one go.
"""

import re
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

import torch
from torch import Tensor

from networks.interface import ImageSpec
from networks.layers import RESAMPLE_TAPS
from networks.mapping import MappingNetwork
from networks.public.bounds import MOST_NUMBERS
from networks.public.conversion import Imported, not_used
from networks.public.filling import fitting, renamed, without_filters
from networks.public.records import RefusedError
from networks.public.stylegan2 import MOST_LAYERS, channels_of
from networks.public.torch_file import read_torch_file
from networks.snapshot_info import SnapshotInfo
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from torch_utils.config import to_json
from torch_utils.ops.upfirdn2d import setup_filter
from torch_utils.seeds import generator as seeded

_STYLES_AVERAGED = 4096
_W_MEAN = "mapping.w_mean"
_UPSAMPLING = 4  # gain that its blur kernels carry


def convert_torch_file(content: bytes, parts: Collection[str]) -> Imported:
    """The generators of such a checkpoint; its D is left out.

    Raises:
        RefusedError: damaged, of another layout, or anything in it that is not let in.
    """
    held = read_torch_file(content)
    if not isinstance(held, dict) or not isinstance(held.get("g_ema"), dict):
        raise RefusedError("it has no g_ema, so it is no .pt of StyleGAN2 (a run's checkpoint is not, either)")
    notes = not_used(held, ("g_ema", "g", "latent_avg"))
    mean = held.get("latent_avg")
    config, spec, ema = _generator(held["g_ema"], mean, "g_ema")
    found = {"ema": ema}
    if "generator" in parts and isinstance(held.get("g"), dict):
        *other, found["generator"] = _generator(held["g"], mean, "g")
        if other != [config, spec]:
            raise RefusedError("g and g_ema have different sizes")
    if mean is None:
        notes = (*notes, f"no latent_avg in it: {_STYLES_AVERAGED} styles were averaged")
    info = SnapshotInfo(image_spec=spec, generator=config, config={"generator": to_json(config)})
    return Imported(info=info, parts=found, notes=notes)


def _generator(
    state: dict[Any, Any], mean: Any, title: str
) -> tuple[StyleGAN2GeneratorConfig, ImageSpec, dict[str, Tensor]]:
    tensors = {name: value for name, value in state.items() if isinstance(name, str) and isinstance(value, Tensor)}
    if len(tensors) < len(state):
        raise RefusedError(f"{title}: not all in it are tensors")
    kernel = setup_filter(RESAMPLE_TAPS) * _UPSAMPLING
    if sum(tensor.numel() for tensor in tensors.values()) > MOST_NUMBERS:
        raise RefusedError(f"{title}: it has more numbers than any network")
    tensors = without_filters(tensors, ".kernel", lambda _: kernel, title)
    if not all(tensor.is_floating_point() for tensor in tensors.values()):
        raise RefusedError(f"{title}: not all its tensors are of real numbers")
    config, spec = _sizes(tensors, title)
    named = renamed(tensors, our_name, title)
    named = {name: _as_ours(name, tensor.float()) for name, tensor in named.items()}
    named[_W_MEAN] = _mean(mean, named, config)
    return config, spec, fitting(lambda: config.build(spec), named, title)


def our_name(name: str) -> str:
    """Our name of one of its tensors; a name that does not belong to the layout stays."""
    for pattern, ours in _NAMES:
        match = re.fullmatch(pattern, name)
        if match:
            return ours(*match.groups())
    return name


def _layer(place: int | None) -> str:
    """conv1, convs.0, convs.1, … → the two convolutions of each block; the first block has one."""
    return "blocks.0.conv1" if place is None else f"blocks.{place // 2 + 1}.conv{place % 2}"


_SUFFIXES = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "bias": "bias",
}
_TAIL = f"({'|'.join(map(re.escape, _SUFFIXES))})"
_PLACE = r"(\d{1,2})"
_NAMES: tuple[tuple[str, Callable[..., str]], ...] = (
    (rf"style\.{_PLACE}\.(weight|bias)", lambda n, tail: f"mapping.layers.{int(n) - 1}.{tail}"),
    (r"input\.input", lambda: "blocks.0.const"),
    (rf"conv1\.{_TAIL}", lambda tail: f"{_layer(None)}.{_SUFFIXES[tail]}"),
    (rf"convs\.{_PLACE}\.{_TAIL}", lambda n, tail: f"{_layer(int(n))}.{_SUFFIXES[tail]}"),
    (rf"to_rgb1\.{_TAIL}", lambda tail: f"blocks.0.torgb.{_SUFFIXES[tail]}"),
    (rf"to_rgbs\.{_PLACE}\.{_TAIL}", lambda n, tail: f"blocks.{int(n) + 1}.torgb.{_SUFFIXES[tail]}"),
    (r"noises\.noise_0", lambda: f"{_layer(None)}.noise_const"),
    (rf"noises\.noise_{_PLACE}", lambda n: f"{_layer(int(n) - 1)}.noise_const"),
)


def _as_ours(name: str, tensor: Tensor) -> Tensor:
    """A tensor in our shape, its run-time factor put in; one of another shape than expected stays, to be refused."""
    if re.fullmatch(r"blocks\.\d+\.conv[01]\.weight", name) and tensor.ndim == 5 and len(tensor) == 1:
        return tensor[0] / max(tensor[0, 0].numel(), 1) ** 0.5
    for ending, sides, change in _SHAPES:
        if name.endswith(ending) and tensor.ndim == sides and len(tensor) == 1:
            return change(tensor)
    return tensor


# Ending of our name, sides that the foreign tensor has, and how to bring it into our shape.
_SHAPES: tuple[tuple[str, int, Callable[[Tensor], Tensor]], ...] = (
    (".torgb.weight", 5, lambda tensor: tensor[0]),
    (".torgb.bias", 4, lambda tensor: tensor.flatten()),
    (".noise_const", 4, lambda tensor: tensor.flatten(0, 2)),
    (".const", 4, lambda tensor: tensor[0]),
    (".noise_strength", 1, lambda tensor: tensor[0]),
)


def _sizes(tensors: dict[str, Tensor], title: str) -> tuple[StyleGAN2GeneratorConfig, ImageSpec]:
    """Config and pictures, as the tensors' names and shapes tell them.

    Raises:
        RefusedError: what tells them is missing or of another form.
    """
    steps = sum(re.fullmatch(r"to_rgbs\.\d+\.bias", name) is not None for name in tensors)
    layers = sum(re.fullmatch(r"style\.\d+\.bias", name) is not None for name in tensors)
    first, rgb, constant = (tensors.get(name) for name in ("style.1.weight", "to_rgb1.bias", "input.input"))
    if first is None or rgb is None or constant is None or not (0 < steps <= 11 and 0 < layers <= MOST_LAYERS):
        raise RefusedError(f"{title}: not the generator of a StyleGAN2 .pt")
    if first.ndim != 2 or first.shape[0] != first.shape[1] or rgb.ndim != 4 or constant.ndim != 4:
        raise RefusedError(f"{title}: its tensors are of other shapes than a StyleGAN2 .pt has")
    widths = {4: constant.shape[1]}
    for step in range(steps):
        bias = tensors.get(f"convs.{2 * step + 1}.activate.bias")
        if bias is None or bias.ndim != 1:
            raise RefusedError(f"{title}: it has no convs.{2 * step + 1}.activate.bias")
        widths[8 << step] = len(bias)
    base, most = channels_of(widths, title=title)
    config = StyleGAN2GeneratorConfig(
        z_dim=first.shape[1], w_dim=first.shape[0], mapping_layers=layers, channel_base=base, channel_max=most
    )
    return config, ImageSpec(resolution=4 << steps, channels=rgb.shape[1])


def _mean(said: Any, tensors: dict[str, Tensor], config: StyleGAN2GeneratorConfig) -> Tensor:
    """The mean of w: as the file says, or else over styles of fixed seeds, as its own program does when it samples."""
    if isinstance(said, Tensor) and said.is_floating_point() and said.numel() == config.w_dim:
        return said.float().reshape(-1)
    if said is not None:
        raise RefusedError("its latent_avg is no style")
    sizes = {"z_dim": config.z_dim, "w_dim": config.w_dim, "num_layers": config.mapping_layers}
    build = partial(MappingNetwork, label_dim=0, num_ws=1, tracks_mean=False, **sizes)
    part = {name.removeprefix("mapping."): t for name, t in tensors.items() if name.startswith("mapping.")}
    weights = fitting(build, part, "g_ema")
    with torch.no_grad():
        mapping = build()
        mapping.load_state_dict(weights)
        z = torch.randn(_STYLES_AVERAGED, config.z_dim, generator=seeded(0, "latent_avg"))
        return mapping.styles(z, None).mean(dim=0)
