"""What pictures and labels a foreign network is for."""

from networks.interface import ImageSpec
from networks.public.modules import ForeignNetwork
from networks.public.records import RefusedError
from torch_utils.labels import UNLABELLED, LabelSet

SET_NAME = "label"
_MOST_CLASSES = 100_000
_RESOLUTIONS = tuple(2**power for power in range(3, 14))


def image_spec(network: ForeignNetwork) -> ImageSpec:
    """Size, channels and labels that a network says it is for.

    Raises:
        RefusedError: a size that is no power of two from 8 to 8192, or anything that is no number.
    """
    resolution = network.number("", "img_resolution", 1, 2**20)
    if resolution not in _RESOLUTIONS:
        raise RefusedError(f"{network.title}: img_resolution is {resolution}, here it can be a power of two from 8 on")
    classes = network.number("", "c_dim", 0, _MOST_CLASSES)
    channels = network.number("", "img_channels", 1, 4)
    return ImageSpec(resolution=resolution, channels=channels, label_sets=label_sets(classes))


def label_sets(width: int) -> tuple[LabelSet, ...]:
    """Label sets whose code is as wide as the public networks' c, column for column.

    Our code ends in a column for unlabelled pictures, so the last of their classes is called that here.
    """
    return (LabelSet(name=SET_NAME, classes=tuple(map(str, range(width - 1)))),) if width else ()


def even_counts(width: int) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Each class as often as any other, for sampling: how often each was shown stands in no public checkpoint."""
    return tuple(((index,), 1) for index in (*range(width - 1), UNLABELLED)) if width else ()
