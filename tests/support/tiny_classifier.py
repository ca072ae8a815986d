"""A classifier small enough for tests, known to torchvision by name, and a way to train it on discs."""

from pathlib import Path

import torch
from torch import nn
from torchvision.models._api import register_model

from classification.models import build
from classification.options import TrainFlags, config_of
from classification.run import TrainResult, train
from classification.snapshot import ClassifierInfo, save_classifier
from classification.weights import Weights
from dataset.archive import Archive
from torch_utils.labels import LabelSet

NAME = "tiny_for_tests"
SIZE = 16


def tiny(num_classes: int = 1000, weights: object = None) -> nn.Module:
    """Two convolutions, normalisation, dropout, a head."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(16, num_classes),
    )


tiny.__module__ = "torchvision.models.tests"  # where torchvision looks for classifiers
if not hasattr(register_model, "has_tiny"):
    register_model(NAME)(tiny)
    register_model.has_tiny = True


def flags(data: Path, **changes: object) -> TrainFlags:
    """A command line that trains the tiny network on the discs' colours."""
    usual: dict = {
        "label": "colour",
        "model": NAME,
        "weights": "none",
        "split_by": "holdout",
        "size": SIZE,
        "epochs": 3,
        "batch": 8,
        "settings": ("optimizer.lr=0.01", "augment.smallest_crop=0.5"),
    }
    return TrainFlags(data=data, **usual | changes)


def train_tiny(data: Path, folder: Path, **changes: object) -> TrainResult:
    """Train it, silently."""
    config = config_of(flags(data, **changes))
    return train(config, Archive.open(data), folder, torch.device("cpu"), log=lambda _: None)


def write_tiny(path: Path, size: int = SIZE) -> Path:
    """A snapshot of the tiny network as it begins: classes red and blue."""
    info = ClassifierInfo(
        model=NAME,
        label_set=LabelSet(name="colour", classes=("red", "blue")),
        size=size,
        resize=size,
        weights=Weights(),
    )
    save_classifier(path, info, build(NAME, 2).state_dict(), torch.empty(0, dtype=torch.int64))
    return path
