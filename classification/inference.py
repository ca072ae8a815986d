"""From pictures to probabilities, and to features."""

import sys
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from classification.inputs import Inputs, PictureInputs, View, batches
from classification.models import features_of, logits_of
from classification.snapshot import LoadedClassifier

BATCH = 64


@torch.no_grad()
def apply(module: Callable[[Tensor], Tensor], inputs: Inputs, what: str, batch: int = BATCH) -> Tensor:
    """A function of every input, in order: [N, …], on the CPU; on a terminal a bar says how far it is."""
    rows = watched(batches(len(inputs), batch), what)
    return torch.cat([module(inputs(part)).float().cpu() for part in rows])


def watched(parts: list[Tensor], what: str) -> Iterable[Tensor]:
    """The same batches with a bar on a terminal, nothing in a log."""
    return tqdm(parts, desc=what, unit="batches", disable=not sys.stderr.isatty(), leave=False)


def logits(module: nn.Module, inputs: Inputs, what: str = "dev") -> Tensor:
    """Logits of every input in evaluation mode, float32 [N, classes]; the module's mode is put back."""
    was_training = module.training
    module.eval()
    try:
        return apply(lambda pictures: logits_of(module(pictures))[0], inputs, what)
    finally:
        module.train(was_training)


def view_of(classifier: LoadedClassifier) -> View:
    """How a saved classifier sees pictures."""
    info = classifier.info
    return View(resize=info.resize, size=info.size, weights=info.weights)


def probabilities(classifier: LoadedClassifier, pictures: Tensor, what: str = "pictures") -> Tensor:
    """uint8 [N, C, H, W] → float32 [N, classes], rows that add up to 1, on the CPU."""
    device = next(classifier.network.parameters()).device
    inputs = PictureInputs(pictures.to(device), view_of(classifier))
    return logits(classifier.network, inputs, what).softmax(1)


class ClassifierFeatures(nn.Module):
    """A saved classifier up to its head: uint8 [N, C, H, W] → float32 [N, D]."""

    def __init__(self, classifier: LoadedClassifier):
        super().__init__()
        self.network = classifier.network.eval()
        self._view, self._features = view_of(classifier), features_of(classifier.network)

    def forward(self, pictures: Tensor) -> Tensor:
        return self._features(self._view.plain(pictures))
