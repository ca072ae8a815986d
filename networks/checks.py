"""Checks that configs and networks share."""

from torch_utils.errors import ConfigError

SMALLEST_RESOLUTION = 8


def require(condition: bool, path: str, value: object, remedy: str) -> None:
    """Raise a ConfigError naming the option's path, its value and the remedy, unless `condition` holds."""
    if not condition:
        raise ConfigError(f"{path}: {value} is not possible. {remedy}")


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
