"""Names and options of the public StyleGAN2 networks (as listed in golden/INDEX.md), and what they are here."""

import re
from collections.abc import Callable
from typing import Any

from torch import Tensor

from networks.interface import ImageSpec
from networks.layers import RESAMPLE_TAPS, channels_at, resolutions_up_to
from networks.public.filling import fitting, renamed, without_filters
from networks.public.labels import image_spec
from networks.public.modules import ForeignNetwork
from networks.public.records import RefusedError, shown
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2GeneratorConfig
from torch_utils.ops.upfirdn2d import setup_filter

MOST_FEATURES, MOST_LAYERS, MOST_PIXELS = 2**16, 64, 2**13
_LAYER = r"synthesis\.b\d+\.(conv[01]|torgb)"
_D_LAYER = r"b\d+\.(fromrgb|conv0|conv1|conv)"
_DISCRIMINATOR_MAPPING_LAYERS = 8
_FILTERS = "resample_filter"
_DEFAULT_BASE, _DEFAULT_MAX = 32768, 512  # of the public releases where nothing is said


def generator_name(name: str, resolutions: list[int]) -> str | None:
    """Our name of a generator tensor; None for fixed filters, which we do not store."""
    if name.endswith(_FILTERS):
        return None
    name = re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
    name = re.sub(r"^mapping\.w_avg$", "mapping.w_mean", name)
    places = {resolution: place for place, resolution in enumerate(resolutions)}
    return re.sub(r"^synthesis\.b(\d+)\.", lambda m: f"blocks.{places.get(int(m[1]), m[1])}.", name)


def discriminator_name(name: str, resolutions: list[int]) -> str | None:
    """Our name of a discriminator tensor; None for fixed filters."""
    if name.endswith(_FILTERS):
        return None
    name = re.sub(r"^mapping\.fc(\d+)\.", r"mapping.layers.\1.", name)
    name = re.sub(r"^b4\.", "epilogue.", name)
    return re.sub(r"^b(\d+)\.", r"blocks.\1.", name)


def read_generator(network: ForeignNetwork) -> tuple[StyleGAN2GeneratorConfig, ImageSpec, dict[str, Tensor]]:
    """Config, pictures and tensors of a StyleGAN2 generator.

    Raises:
        RefusedError: an option that our networks do not have, by name and value, or tensors that do not fit.
    """
    spec = image_spec(network)
    w_dim = network.number("", "w_dim", 1, MOST_FEATURES)
    check_mapping(network, w_dim)
    network.require(_LAYER, "activation", ["lrelu"])
    blocks = r"synthesis\.b\d+"
    base, most = _channels(network, spec.resolution, lambda r: f"synthesis.b{r}.conv1.bias", "synthesis")
    reduced = network.count(blocks, "use_fp16")
    config = StyleGAN2GeneratorConfig(
        z_dim=network.number("", "z_dim", 1, MOST_FEATURES),
        w_dim=w_dim,
        mapping_layers=network.number("mapping", "num_layers", 1, MOST_LAYERS),
        mapping_lr_multiplier=real(network.common(r"mapping\.fc\d+", "bias_gain"), network, "mapping lr_multiplier"),
        w_mean_decay=real(network.common("mapping", "w_avg_beta", default=0.995), network, "w_avg_beta", most=1),
        architecture=_architecture(network, blocks),
        channel_base=base,
        channel_max=most,
        noise_inputs=network.common(r"synthesis\.b\d+\.conv[01]", "use_noise", default=True) is True,
        clamp=_clamp(network, _LAYER),
        precision="fp16" if reduced else "fp32",
        num_low_precision_res=reduced or 4,
    )
    tensors = without_filters(network.tensors, _FILTERS, lambda _: setup_filter(RESAMPLE_TAPS), network.title)
    resolutions = resolutions_up_to(spec.resolution)
    named = renamed(tensors, lambda name: generator_name(name, resolutions) or name, network.title)
    return config, spec, fitting(lambda: config.build(spec), named, network.title)


def read_discriminator(
    network: ForeignNetwork, expected: ImageSpec
) -> tuple[StyleGAN2DiscriminatorConfig, dict[str, Tensor]]:
    """Config and tensors of a StyleGAN2 discriminator, which StyleGAN3 has too.

    Raises:
        RefusedError: as above, or it judges other pictures than the generator makes.
    """
    spec = image_spec(network)
    if spec != expected:
        raise RefusedError(f"{network.title}: it judges other pictures or labels than the generator makes")
    network.require(_D_LAYER, "activation", ["lrelu"])
    network.require("mapping", "num_layers", [_DISCRIMINATOR_MAPPING_LAYERS])
    network.require(r"mapping\.fc\d+", "activation", ["lrelu"])
    network.require(r"mapping\.fc\d+", "bias_gain", [0.01])
    blocks = r"b\d+"
    base, most = _channels(network, spec.resolution, lambda r: f"b{r}.conv{'' if r == 4 else '0'}.bias", "")
    grouped = "b4.mbstd" in network.modules
    reduced = network.count(blocks, "use_fp16")
    config = StyleGAN2DiscriminatorConfig(
        architecture=_architecture(network, blocks),
        channel_base=base,
        channel_max=most,
        label_features=network.number("b4", "cmap_dim", 1, MOST_FEATURES) if spec.label_dim else None,
        minibatch_group=network.number("b4.mbstd", "group_size", 1, MOST_FEATURES) if grouped else 4,
        minibatch_channels=network.number("b4.mbstd", "num_channels", 1, MOST_FEATURES) if grouped else 0,
        clamp=_clamp(network, _D_LAYER),
        precision="fp16" if reduced else "fp32",
        num_low_precision_res=reduced or 4,
    )
    tensors = without_filters(network.tensors, _FILTERS, lambda _: setup_filter(RESAMPLE_TAPS), network.title)
    resolutions = resolutions_up_to(spec.resolution)
    named = renamed(tensors, lambda name: discriminator_name(name, resolutions) or name, network.title)
    return config, fitting(lambda: config.build(spec), named, network.title)


def check_mapping(network: ForeignNetwork, w_dim: int) -> None:
    """A mapping network of ours is as wide as w throughout.

    Raises:
        RefusedError: this one is not, or has another activation.
    """
    network.require(r"mapping\.fc\d+", "activation", ["lrelu"])
    widths = {name: tensor.numel() for name, tensor in network.tensors.items() if _mapping_bias(name)}
    for name, width in widths.items():
        if width != w_dim:
            raise RefusedError(f"{network.title}: {name} has {width} features, here it can be w_dim, {w_dim}")


def _mapping_bias(name: str) -> bool:
    return re.fullmatch(r"mapping\.(fc\d+|embed)\.bias", name) is not None


def real(value: Any, network: ForeignNetwork, what: str, *, most: float = 1e6) -> float:
    """A number from 0 to `most`.

    Raises:
        RefusedError: anything else.
    """
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise RefusedError(f"{network.title}: {what} is {shown(value)}")
    return float(value)


def _clamp(network: ForeignNetwork, layers: str) -> float | None:
    clamp = network.common(layers, "conv_clamp", default=None)
    return None if clamp is None else real(clamp, network, "conv_clamp")


def _architecture(network: ForeignNetwork, blocks: str) -> Any:
    network.require(blocks, "architecture", ["skip", "resnet", "orig"])
    return network.common(blocks, "architecture")


def _channels(network: ForeignNetwork, resolution: int, place: Callable[[int], str], module: str) -> tuple[int, int]:
    """channel_base and channel_max of a network whose biases at each resolution are named by `place`."""
    widths: dict[int, int] = {}
    for side in resolutions_up_to(resolution):
        bias = network.tensors.get(place(side))
        if bias is None or bias.ndim != 1:
            raise RefusedError(f"{network.title}: it has no {place(side)}")
        widths[side] = len(bias)
    options = network.modules.get(module, {}).get("_init_kwargs")
    options = options if isinstance(options, dict) else {}
    said = options.get("channel_base", _DEFAULT_BASE), options.get("channel_max", _DEFAULT_MAX)
    return channels_of(widths, said, network.title)


def channels_of(
    widths: dict[int, int], said: tuple[Any, Any] = (_DEFAULT_BASE, _DEFAULT_MAX), title: str = "G"
) -> tuple[int, int]:
    """channel_base and channel_max: as said, or else those that the widths by resolution follow from.

    Raises:
        RefusedError: no pair of numbers gives these widths.
    """
    most = max(widths.values())
    narrower = [side * width for side, width in widths.items() if width < most]
    for base, top in (said, (max(narrower, default=most * max(widths)), most)):
        in_range = isinstance(base, int) and isinstance(top, int) and 0 < base < 2**24 and 0 < top <= MOST_FEATURES
        if in_range and all(width == channels_at(side, base, top) for side, width in widths.items()):
            return base, top
    told = ", ".join(f"{side}:{width}" for side, width in widths.items())
    raise RefusedError(f"{title}: features by resolution are {told}, which no channel_base gives")
