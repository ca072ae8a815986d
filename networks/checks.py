"""Checks that configs and networks share."""

from torch_utils.errors import ConfigError

SMALLEST_RESOLUTION = 8


def require(condition: bool, path: str, value: object, remedy: str) -> None:
    """Raise a ConfigError naming the option's path, its value and the remedy, unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{path}: {value} is not possible. {remedy}")


def check_sizes(network: str, config: object, *names: str) -> None:
    """What configs of networks have in common: positive sizes, and a number format and clamp that can be."""
    for name in names:
        require(getattr(config, name) > 0, f"{network}.{name}", getattr(config, name), "Use a positive number.")
    clamp, low = getattr(config, "clamp", None), getattr(config, "num_low_precision_res", 0)
    require(clamp is None or clamp > 0, f"{network}.clamp", clamp, "Use a positive number, or null for none.")
    require(low >= 0, f"{network}.num_low_precision_res", low, "Use 0 or more.")


def check_mapping(config: object) -> None:
    """What every generator's config has for its mapping network."""
    check_sizes("generator", config, "z_dim", "w_dim", "mapping_layers", "mapping_lr_multiplier")
    decay = getattr(config, "w_mean_decay", 0)
    require(0 <= decay <= 1, "generator.w_mean_decay", decay, "Use a number from 0 to 1.")


def check_width(network: str, channel_base: int, resolution: int) -> None:
    """The highest resolution must get at least one feature map."""
    require(
        channel_base >= resolution,
        f"{network}.channel_base",
        channel_base,
        f"It leaves no feature maps at {resolution} pixels. Use {resolution} or more.",
    )


def check_resolution(resolution: int) -> None:
    """StyleGAN doubles from 4x4: only powers of two from 8 on are possible."""
    power_of_two = resolution & (resolution - 1) == 0
    require(
        power_of_two and resolution >= SMALLEST_RESOLUTION,
        "resolution",
        resolution,
        "Use a power of two from 8 on: dataset_tool.py pack --resolution 256.",
    )
