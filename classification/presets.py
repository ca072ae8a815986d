"""Presets: the paper's training as far as it says, ours, and a linear probe."""

from dataclasses import replace

from classification.config import (
    AdamWConfig,
    AugmentConfig,
    ClassifierConfig,
    GeneralisedConfig,
    NetworkConfig,
    ScheduleConfig,
)
from torch_utils.errors import ConfigError

# The KaoKore paper (Tian et al. 2020) says: networks of a reference implementation, standard augmentation, Adam, early
# stopping on dev. Learning rate, batch, size and pretraining are not stated; these are ours.
PRESETS = {
    "paper": ClassifierConfig(preset="paper"),
    "modern": ClassifierConfig(
        preset="modern",
        augment=AugmentConfig(smallest_crop=0.35, policy="trivial"),
        optimizer=AdamWConfig(),
        loss=GeneralisedConfig(),
        schedule=ScheduleConfig(epochs=60, patience=20, rate="cosine"),
        ema=0.998,
        batch_size=64,
    ),
    "probe": ClassifierConfig(
        preset="probe",
        network=NetworkConfig(train="head"),
        augment=AugmentConfig(smallest_crop=1, flip=False),
        optimizer=AdamWConfig(lr=2e-3, weight_decay=0.01),
        schedule=ScheduleConfig(epochs=200, patience=30),
        batch_size=128,
    ),
}


def preset(name: str) -> ClassifierConfig:
    """A preset by name.

    Raises:
        ConfigError: no such preset, listing those there are.
    """
    if name not in PRESETS:
        raise ConfigError(f"--preset {name}: no such preset. Use one of: {', '.join(PRESETS)}.")
    return replace(PRESETS[name])
