"""What is trained on what: the whole network on pictures, or its head on features."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from classification.config import ClassifierConfig
from classification.inference import apply
from classification.inputs import FeatureInputs, Inputs, PictureInputs, View
from classification.models import build, channels_last, check_size, features_of, head, input_size, resize_of
from classification.splits import Division, check_classes, divide, label_set_of
from classification.weights import load_weights
from dataset.archive import Archive
from dataset.identity import identities
from torch_utils import seeds as seeding
from torch_utils.errors import ConfigError
from torch_utils.labels import LabelSet


@dataclass(frozen=True, kw_only=True)
class Learner:
    """Everything a training needs, on its device.

    Attributes:
        network: the whole; module: the part of it that is trained.
        train_labels, dev_labels: int64 [N].
        seen: identities of the pictures of train and dev, int64, sorted.
    """

    network: nn.Module
    module: nn.Module
    view: View
    train: Inputs
    dev: Inputs
    train_labels: Tensor
    dev_labels: Tensor
    label_set: LabelSet
    division: Division
    seen: Tensor
    device: torch.device


def prepare(config: ClassifierConfig, archive: Archive, device: torch.device) -> Learner:
    """Check everything, build the network, read the pictures.

    Raises:
        ConfigError, DataError: before any picture is decoded, except where one is damaged.
    """
    column, label_set = label_set_of(archive, config.data.label)
    division = divide(archive, config.data)
    check_classes(archive, config.data, division)
    network, view = prepare_network(config, len(label_set.classes))
    channels_last(network.to(device))
    places = {part: division.parts[part] for part in ("train", "dev")}
    pictures = {part: archive.load(indices).to(device) for part, indices in places.items()}
    labels = {part: archive.labels[indices, column] for part, indices in places.items()}
    if config.data.shuffle_labels:
        labels = {part: _shuffled(found, config.seed, part) for part, found in labels.items()}
    seen = identities(archive)
    common = {
        "network": network,
        "view": view,
        "train_labels": labels["train"].to(device),
        "dev_labels": labels["dev"],
        "label_set": label_set,
        "division": division,
        "seen": seen[torch.cat([torch.from_numpy(indices) for indices in places.values()])].sort().values,
        "device": device,
    }
    if config.network.train == "all":
        train, dev = PictureInputs(pictures["train"], view, config.augment), PictureInputs(pictures["dev"], view)
        return Learner(module=network, train=train, dev=dev, **common)
    features = {part: _features(network, found, view, device, part) for part, found in pictures.items()}
    return Learner(
        module=head(network)[1],
        train=FeatureInputs(features["train"]),
        dev=FeatureInputs(features["dev"]),
        **common,
    )


def prepare_network(config: ClassifierConfig, classes: int) -> tuple[nn.Module, View]:
    """The network with the weights it begins from, and how it sees pictures.

    Raises:
        ConfigError: unknown model, weights that cannot be had, a size it does not take, a head that is no layer.
    """
    options = config.network
    size = input_size(options.model) if options.size is None else options.size
    check_size(options.model, size)
    network = build(options.model, classes, config.seed, size=size)
    weights = load_weights(network, options.model, options.weights)
    if options.train == "head":
        if not isinstance(head(network)[1], nn.Linear):
            raise ConfigError(f"network.train=head: the head of {options.model} is no linear layer. Use all.")
        if options.weights == "none":
            raise ConfigError("network.train=head: of a network without --weights. Give imagenet or a file.")
    return network, View(resize=resize_of(size), size=size, weights=weights)


def data_words(archive: Archive, config: ClassifierConfig, division: Division) -> dict[str, object]:
    """What a snapshot says of the data."""
    return {
        "name": Path(archive.path).name,
        "digest": archive.digest,
        "split": division.how,
        "pictures": {part: len(found) for part, found in division.parts.items()},
        "source": archive.source,
        "licence": archive.licence,
        "attribution": archive.attribution,
        "shuffled": config.data.shuffle_labels,
    }


def _shuffled(labels: Tensor, seed: int, part: str) -> Tensor:
    return labels[torch.randperm(len(labels), generator=seeding.generator(seed, "shuffled labels", part))]


def _features(network: nn.Module, pictures: Tensor, view: View, device: torch.device, part: str) -> Tensor:
    network.eval()
    return apply(features_of(network), PictureInputs(pictures, view), f"features of {part}").to(device)
