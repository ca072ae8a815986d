"""Drawn faces to learn from, and an agent that has learnt a little."""

from pathlib import Path

import pytest
import torch

from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces
from painting.agents.options import TrainFlags, config_of
from painting.agents.training_run import TrainResult, train


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> Path:
    """80 drawn faces of 32 pixels."""
    path = tmp_path_factory.mktemp("drawn") / "drawn.zip"
    pack_drawn_faces(path, count=80, resolution=32, seed=0)
    return path


@pytest.fixture(scope="session")
def learn(drawn):
    """Train an agent on them in a folder, silently."""

    def call(folder: Path, method: str = "analytic", *settings: str, **flags) -> TrainResult:
        config = config_of(TrainFlags(data=drawn, method=method, settings=("holdout=8", *settings), **flags))
        return train(config, Archive.open(drawn), folder, torch.device("cpu"), log=lambda _: None)

    return call


@pytest.fixture(scope="session")
def agent(learn, tmp_path_factory) -> TrainResult:
    """Of proposals for cells, small, at 32 pixels; 8 looks of 5 strokes."""
    small = ("method.width=16", "method.widest=64", "every=60")
    return learn(tmp_path_factory.mktemp("agent") / "run", "analytic", *small, steps=8, batch=8, updates=60)
