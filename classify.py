"""Classify pictures: train torchvision's networks on labels, score them, predict, make the paper's table."""

from pathlib import Path

import click

from torch_utils.cli import run

_PATH = click.Path(path_type=Path)
_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
_DEVICE = click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
_THREADS = click.option("--threads", type=click.IntRange(min=1), help="Threads of the CPU computations.")


@click.group(context_settings=_SETTINGS)
def main() -> None:
    """Train and score classifiers of labelled pictures.

    \b
    python classify.py train --data kaokore.zip --label status --model resnet34
    python classify.py evaluate --network runs/…/classifier.safetensors --data kaokore.zip
    python classify.py predict --network classifier.safetensors face.png
    python classify.py table --data kaokore.zip --seeds 3
    """


@main.command(context_settings=_SETTINGS)
@click.option("--data", required=True, type=_PATH, help="Archive (.zip) of dataset_tool.py.")
@click.option("--label", required=True, help="Label set: gender, status, direction, …")
@click.option("--model", required=True, help="torchvision's name: resnet18, mobilenet_v2, inception_v3, …")
@click.option("--preset", default="paper", help="paper, modern, or probe (the head alone, on features).")
@click.option(
    "--weights", help="imagenet (downloaded), none, or a file (.pth, .safetensors, .pt2).  [default: imagenet]"
)
@click.option("--split-by", type=click.Choice(["official", "holdout", "book"]), help="See above.  [default: official]")
@click.option("--split-seed", type=click.IntRange(min=0), help="Of holdout and book.  [default: 0]")
@click.option("--size", type=int, help="Side of what the network sees.  [default: 224; inception_v3 299]")
@click.option("--epochs", type=click.IntRange(min=1), help="At most.  [default: the preset's]")
@click.option("--batch", type=click.IntRange(min=2), help="Pictures a step.  [default: the preset's]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.  [default: 0]")
@click.option("--outdir", type=_PATH, help="The run's folder.  [default: runs/<zip>-<label>-<model>-<preset>]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any option, e.g. optimizer.lr=0.001.")
@click.option("--dry-run", is_flag=True, help="Print the resolved options and stop.")
@_DEVICE
@_THREADS
def train(device: str, threads: int | None, dry_run: bool, **flags):
    """Train a classifier; the same command goes on where it stopped.

    \b
    --split-by official  train, dev and test of the archive
    --split-by holdout   a tenth each for dev and test, drawn class by class
    --split-by book      dev and test hold books of which train has no picture
    """
    import json
    import shlex
    import sys

    from classification.options import TrainFlags, config_of
    from classification.run import train_as_asked
    from torch_utils.config import to_json

    given = TrainFlags(**flags)
    if dry_run:
        click.echo(json.dumps(to_json(config_of(given)), indent=2))
        return 0
    _use_threads(threads)
    result = train_as_asked(given, _device(device))
    if result.interrupted:
        click.echo(f"stopped in epoch {result.epochs + 1}. To go on: {shlex.join(['python', *sys.argv])}")
        return result.interrupted
    click.echo(f"done: {result.epochs} epochs, dev accuracy {result.dev_accuracy:.2%} at epoch {result.best_epoch}")
    click.echo(f"next: python classify.py evaluate --network {result.snapshot} --data {given.data}")
    return 0


@main.command(context_settings=_SETTINGS)
@click.option("--network", required=True, type=_PATH, help="classifier.safetensors of a run.")
@click.option("--data", required=True, type=_PATH, help="Archive (.zip) of dataset_tool.py.")
@click.option("--split", "part", default="test", help="train, dev or test, divided as in training.")
@click.option("--out", type=_PATH, help="Folder to write.  [default: evaluation-<split> beside the network]")
@click.option("--allow-seen", is_flag=True, help="Score pictures it was trained or stopped on, and say how many.")
@_DEVICE
@_THREADS
def evaluate(
    network: Path, data: Path, part: str, out: Path | None, allow_seen: bool, device: str, threads: int | None
):
    """Score a classifier: accuracy with its interval, class by class, confusion matrix, confident mistakes."""
    from classification.evaluate import evaluate_file

    _use_threads(threads)
    click.echo("\n".join(evaluate_file(network, data, part, out, _device(device), allow_seen=allow_seen)))


@main.command(context_settings=_SETTINGS)
@click.argument("paths", metavar="IMAGE|FOLDER|ARCHIVE...", nargs=-1, required=True, type=_PATH)
@click.option("--network", required=True, type=_PATH, help="classifier.safetensors of a run.")
@click.option("--out", type=_PATH, help="Write a CSV with every probability instead of printing.")
@click.option("--all", "every", is_flag=True, help="Of archives: labelled pictures too.")
@_DEVICE
@_THREADS
def predict(paths: tuple[Path, ...], network: Path, out: Path | None, every: bool, device: str, threads: int | None):
    """Name the class of pictures; of an archive, of those that have no label. Nothing is written back into it.

    \b
    python classify.py predict --network classifier.safetensors face.png folder
    python classify.py predict --network classifier.safetensors kaokore.zip --out unlabelled.csv
    """
    from classification.predict import predict_files

    _use_threads(threads)
    for said in predict_files(network, paths, out, _device(device), every=every):
        click.echo(said)


@main.command(context_settings=_SETTINGS)
@click.option("--data", required=True, type=_PATH, help="Archive (.zip) of dataset_tool.py.")
@click.option("--seeds", default=3, type=click.IntRange(min=1), help="Trainings of each kind.")
@click.option("--models", help="Separated by commas.  [default: the paper's seven]")
@click.option("--labels", default="gender,status", help="Label sets.")
@click.option("--presets", default="paper,modern", help="Rows of each model.")
@click.option("--split-by", "splits", default="official,book", help="official, holdout, book.")
@click.option("--weights", default="imagenet", help="imagenet (downloaded) or none.")
@click.option("--size", type=int, help="Side of what the networks see.  [default: each model's own]")
@click.option("--epochs", type=click.IntRange(min=1), help="At most.  [default: the preset's]")
@click.option("--batch", type=click.IntRange(min=2), help="Pictures a step.  [default: the preset's]")
@click.option("--outdir", type=_PATH, help="Folder of all runs and of the table.  [default: runs/<zip>-table]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any option of every training.")
@_DEVICE
@_THREADS
def table(device: str, threads: int | None, models: str | None, labels: str, presets: str, splits: str, **others):
    """Train and score every model on every label and split, and write a table beside the paper's.

    The same command goes on where it stopped; table.md and table.json are written after each training.

    \b
    python classify.py table --data kaokore.zip --seeds 3
    """
    import shlex
    import sys

    from classification.models import PAPER_MODELS
    from classification.splits import parse_splits
    from classification.table import TableRequest, make_table

    _use_threads(threads)
    request = TableRequest(
        models=models.split(",") if models else PAPER_MODELS,
        labels=labels.split(","),
        presets=presets.split(","),
        splits=parse_splits(splits),
        **others,
    )
    status = make_table(request, _device(device), click.echo)
    if status:
        click.echo(f"stopped. To go on: {shlex.join(['python', *sys.argv])}")
    return status


def _device(name: str):
    from torch_utils.devices import pick_device

    return pick_device(name)


def _use_threads(count: int | None) -> None:
    import torch

    if count:
        torch.set_num_threads(count)


if __name__ == "__main__":
    run(main)
