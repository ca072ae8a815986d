"""What holds at a moment of a run: batch size, learning rate, growth of the networks, blur before D."""

from dataclasses import dataclass

from training.config import TrainConfig


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A function of the images seen alone.

    batch_gpu: pictures computed at once. lr_factor: on both networks' learning rates.
    lod: doublings still to come, fractional in a cross-fade; 0 for full resolution.
    resolution: of the highest blocks that take part; where it changes, the optimisers start anew.
    blur: deviation in pixels of the Gaussian through which D sees everything; 0 for none.
    """

    batch_size: int
    batch_gpu: int
    resolution: int
    lr_factor: float = 1.0
    lod: float = 0.0
    blur: float = 0.0


def phase_at(config: TrainConfig, resolution: int, images_seen: int) -> Phase:
    """The phase in which picture number `images_seen` is shown; `resolution` is that of the pictures."""
    growth, schedule = config.growth, config.schedule
    lod = growth.lod(resolution, images_seen)
    active = resolution >> int(lod)
    batch = growth.batch_size(active) or schedule.batch_size
    return Phase(
        batch_size=batch,
        batch_gpu=batch // (schedule.batch_size // schedule.batch_gpu),
        resolution=active,
        lr_factor=growth.lr_factor(active),
        lod=lod,
        blur=config.losses.blur.at(images_seen),
    )
