"""Names and options of the public StyleGAN3 generators (as listed in golden/INDEX.md), and what they are here."""

import re
from typing import Any

import torch
from torch import Tensor

from networks.interface import ImageSpec
from networks.public.arrays import PickledArray
from networks.public.filling import fitting, renamed, without_filters
from networks.public.labels import image_spec
from networks.public.modules import ForeignNetwork
from networks.public.records import RefusedError, shown
from networks.public.stylegan2 import MOST_FEATURES, MOST_LAYERS, check_mapping, real
from networks.stylegan3_design import LayerPlan
from networks.stylegan3_generator import StyleGAN3GeneratorConfig

_SYNTHESIS = "synthesis"
_LAYER = r"synthesis\.L(\d+)_\d+_\d+"
_MOST_FREQUENCY = 2.0**13
_MOST_TAPS, _MOST_MARGIN = 64, 1024
_TOLERANCE = 1e-5

_NAMES = (
    (r"^mapping\.fc(\d+)\.", r"mapping.layers.\1."),
    (r"^mapping\.w_avg$", "mapping.w_mean"),
    (r"^synthesis\.input\.freqs$", "input.frequencies"),
    (r"^synthesis\.input\.", "input."),
    (rf"^{_LAYER}\.magnitude_ema$", r"layers.\1.magnitude"),
    (rf"^{_LAYER}\.", r"layers.\1."),
)


def generator_name(name: str) -> str:
    """Our name of a generator tensor."""
    for pattern, ours in _NAMES:
        name = re.sub(pattern, ours, name)
    return name


def read_generator(network: ForeignNetwork) -> tuple[StyleGAN3GeneratorConfig, ImageSpec, dict[str, Tensor]]:
    """Config, pictures and tensors of a StyleGAN3 generator.

    Raises:
        RefusedError: an option that our networks do not have, by name and value, or tensors that do not fit.
    """
    spec = image_spec(network)
    config = _config(network)
    plans = config.plans(spec)
    layers = {int(match[1]): name for name in network.modules if (match := re.fullmatch(_LAYER, name))}
    if sorted(layers) != list(range(len(plans))):
        raise RefusedError(f"{network.title}: {len(layers)} layers, its options ask for {len(plans)}")
    for index, plan in enumerate(plans):
        _check_layer(network, layers[index], plan)
    tensors = network.tensors
    for suffix, which in ((".up_filter", LayerPlan.up_filter), (".down_filter", LayerPlan.down_filter)):
        own = {f"{layers[index]}{suffix}": which(plan) for index, plan in enumerate(plans)}
        missing = [name for name, designed in own.items() if designed is not None and name not in tensors]
        if missing:
            raise RefusedError(f"{network.title}: it has no {missing[0]}")
        tensors = without_filters(tensors, suffix, own.get, network.title)
    named = renamed(tensors, generator_name, network.title)
    return config, spec, fitting(lambda: config.build(spec), named, network.title)


def _config(network: ForeignNetwork) -> StyleGAN3GeneratorConfig:
    """The options, as the modules tell them, or else as the synthesis was called."""
    options = network.modules.get(_SYNTHESIS, {}).get("_init_kwargs")
    options = options if isinstance(options, dict) else {}
    defaults = StyleGAN3GeneratorConfig()
    w_dim = network.number("", "w_dim", 1, MOST_FEATURES)
    check_mapping(network, w_dim)
    num_layers = network.number(_SYNTHESIS, "num_layers", 1, MOST_LAYERS)
    clamp = network.common(_LAYER, "conv_clamp", default=None)
    kernel = network.common(r"synthesis\.L0_\d+_\d+", "conv_kernel")
    reduced = network.number(_SYNTHESIS, "num_fp16_res", 0, 16)

    def frequency(name: str, otherwise: float) -> float:
        return real(options.get(name, otherwise), network, name, most=_MOST_FREQUENCY)

    def whole(name: str, otherwise: int, most: int) -> int:
        value = options.get(name, otherwise)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= most:
            raise RefusedError(f"{network.title}: {name} is {shown(value)}")
        return value

    if kernel not in (1, 3):
        raise RefusedError(f"{network.title}: conv_kernel is {shown(kernel)}, here it can be 1 or 3")
    return StyleGAN3GeneratorConfig(
        z_dim=network.number("", "z_dim", 1, MOST_FEATURES),
        w_dim=w_dim,
        mapping_layers=network.number("mapping", "num_layers", 1, MOST_LAYERS),
        mapping_lr_multiplier=real(network.common(r"mapping\.fc\d+", "bias_gain"), network, "mapping lr_multiplier"),
        w_mean_decay=real(network.common("mapping", "w_avg_beta", default=0.998), network, "w_avg_beta", most=1),
        kernel_size=kernel,
        radial_filters=network.count(_LAYER, "down_radial") > 0,
        channel_base=whole("channel_base", defaults.channel_base, 2**24),
        channel_max=whole("channel_max", defaults.channel_max, MOST_FEATURES),
        num_layers=num_layers,
        num_critical=network.number(_SYNTHESIS, "num_critical", 0, num_layers - 1),
        first_cutoff=frequency("first_cutoff", defaults.first_cutoff),
        first_stopband=frequency("first_stopband", defaults.first_stopband),
        last_stopband_rel=frequency("last_stopband_rel", defaults.last_stopband_rel),
        margin=network.number(_SYNTHESIS, "margin_size", 0, _MOST_MARGIN),
        output_scale=real(network.common(_SYNTHESIS, "output_scale"), network, "output_scale"),
        filter_taps=whole("filter_size", defaults.filter_taps, _MOST_TAPS),
        lrelu_upsampling=whole("lrelu_upsampling", defaults.lrelu_upsampling, 4),
        magnitude_decay=real(network.common(_LAYER, "magnitude_ema_beta"), network, "magnitude_ema_beta", most=1),
        clamp=None if clamp is None else real(clamp, network, "conv_clamp"),
        precision="fp16" if reduced else "fp32",
        num_low_precision_res=reduced or defaults.num_low_precision_res,
    )


def _check_layer(network: ForeignNetwork, layer: str, plan: LayerPlan) -> None:
    """Compare what a layer says of itself with ours: rates, sizes, cutoffs, padding.

    Raises:
        RefusedError: it is laid out otherwise.
    """
    own = {
        "is_torgb": plan.to_rgb,
        "is_critically_sampled": plan.critical,
        "in_sampling_rate": plan.before.rate,
        "out_sampling_rate": plan.after.rate,
        "tmp_sampling_rate": plan.fine_rate,
        "in_cutoff": plan.before.cutoff,
        "out_cutoff": plan.after.cutoff,
        "in_half_width": plan.before.half_width,
        "out_half_width": plan.after.half_width,
        "in_size": [plan.before.size] * 2,
        "out_size": [plan.after.size] * 2,
        "conv_kernel": plan.kernel_size,
        "padding": list(plan.padding()),
    }
    held = network.modules[layer]
    for name, expected in own.items():
        if name in held and not _agree(held[name], expected):
            raise RefusedError(f"{network.title}: {layer}.{name} is {shown(held[name])}, here it is {shown(expected)}")


def _agree(said: Any, expected: Any) -> bool:
    """The same number or numbers, but for rounding."""
    said = torch.from_numpy(said.values.astype("f8")) if isinstance(said, PickledArray) else said
    if isinstance(said, list | tuple):
        if len(said) > 8 or not all(isinstance(number, int | float) for number in said):
            return False
        said = torch.tensor(said, dtype=torch.float64)
    if isinstance(said, int | float):
        said = torch.tensor(float(said), dtype=torch.float64)
    own = torch.tensor(expected, dtype=torch.float64)
    return isinstance(said, Tensor) and said.shape == own.shape and torch.allclose(said.double(), own, rtol=_TOLERANCE)
