"""train.py with a fault planted into the second process, in D's step from the third batch on: FAULT=raise|nan|drift."""

import os
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch

import train
from torch_utils.cli import run
from training.state import TrainingState

_steps = TrainingState._steps


def plant(term):
    """The term with the fault."""

    def faulty(players, part):
        if os.environ.get("RANK") != "1" or part.step < 2:
            return term(players, part)
        if os.environ["FAULT"] == "raise":
            raise ZeroDivisionError("planted in a test")
        if os.environ["FAULT"] == "drift":
            with torch.no_grad():
                next(players.discriminator.parameters()).add_(1)
        output = term(players, part)
        return replace(output, loss=output.loss * torch.nan) if os.environ["FAULT"] == "nan" else output

    return faulty


def steps(self):
    """All steps, D's with the fault."""
    return [replace(step, term=plant(step.term)) if step.name == "D" else step for step in _steps(self)]


TrainingState._steps = steps

if __name__ == "__main__":
    run(train.main)
