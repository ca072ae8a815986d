"""Train a StyleGAN on an archive of dataset_tool.py."""

from pathlib import Path

import click

from torch_utils.cli import run

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--data", required=True, type=_PATH, help="Archive (.zip) of dataset_tool.py.")
@click.option("--outdir", type=_PATH, help="The run's folder. Default: runs/<zip>-<preset>.")
@click.option("--gpus", type=click.IntRange(min=0), help="GPUs; 0 is the CPU. Default: 1 if there is one, else 0.")
@click.option("--processes", type=click.IntRange(min=1), help="Processes that share the CPU, with --gpus 0.")
@click.option("--cfg", help="Preset: auto, kaokore, paper256, … Default: auto.")
@click.option("--config", "config_file", type=_PATH, help="Options as JSON, like a run's config.json.")
@click.option("--batch", type=click.IntRange(min=1), help="Pictures a step, over all GPUs.")
@click.option("--batch-gpu", type=click.IntRange(min=1), help="Pictures computed at once on a GPU.")
@click.option("--gamma", type=float, help="R1 weight.")
@click.option("--kimg", type=float, help="Length, in thousands of real pictures shown.")
@click.option("--tick", type=float, help="Report every so many kimg.")
@click.option("--snap", type=int, help="Save every so many ticks.")
@click.option("--mirror/--no-mirror", default=None, help="Show pictures flipped left to right too.")
@click.option("--cond", "cond", is_flag=False, flag_value="all", help="Condition on all label sets, or on those named.")
@click.option("--split", help="Train on one split only. Default: all pictures.")
@click.option("--aug", type=click.Choice(["ada", "fixed", "noaug"]), help="Augmentation strength.")
@click.option("--target", type=float, help="ADA target for --aug ada.")
@click.option("--p", "fixed_p", type=float, help="Probability for --aug fixed.")
@click.option("--augpipe", help="Augmentations: blit, geom, color, bg, bgc, faces, …")
@click.option("--freezed", type=click.IntRange(min=0), help="Freeze D's first layers (transfer).")
@click.option("--resume", type=_PATH, help="Start from the weights of a snapshot, .pkl or .pt (transfer).")
@click.option("--metrics", help="Scores during training, e.g. fid5k or kid; none by default.")
@click.option("--metrics-every", type=click.IntRange(min=1), help="Score every so-many-th snapshot.")
@click.option("--extractor", type=_PATH, help="Feature extractor (.pt2) instead of Inception.")
@click.option("--extractor-sha256", help="Digest of an extractor that is not in our table.")
@click.option("--inception-weights", type=_PATH, help="Inception weights of torch-fidelity.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random. Default: 0.")
@click.option("--precision", type=click.Choice(["fp32", "fp16", "bf16"]), help="Of the highest resolutions, on GPU.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads that decode pictures.")
@click.option("--threads", type=click.IntRange(min=1), help="Threads of the CPU computations.")
@click.option("--timeout", type=float, help="Seconds to wait for a process before it counts as lost. Default: 100.")
@click.option("--max-restarts", type=click.IntRange(min=0), help="Start again so often by itself after a crash.")
@click.option(
    "--ops",
    type=click.Choice(["auto", "cuda", "reference"]),
    help="Compiled ops where they can be had (auto), or else an error (cuda), or none (reference).",
)
@click.option("--snapshot-parts", type=click.Choice(["all", "ema"]), help="ema: snapshots without G and D.")
@click.option("--keep", type=click.IntRange(min=0), help="Newest snapshots to keep, the best besides. Default: all.")
@click.option("--milestone", type=click.FloatRange(min=0), help="Keep one snapshot every so-many kimg whatever --keep.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any option, e.g. losses.r1.every=8.")
@click.option("--dry-run", is_flag=True, help="Print the resolved options and stop.")
def main(dry_run, **flags):
    """Train a StyleGAN. The same command with the same --outdir goes on where it stopped.

    \b
    python train.py --data kaokore.zip
    python train.py --data kaokore.zip --cfg kaokore --cond gender,status --metrics fid5k
    python train.py --data kaokore.zip --gpus 4
    python train.py --data small.zip --resume snapshot.safetensors --freezed 4
    python train.py --data kaokore.zip --set losses.r1.every=8 --dry-run
    """
    import json
    import shlex
    import sys

    from torch_utils.config import to_json
    from training.begin import begin
    from training.ending import exit_report
    from training.options import Flags, open_run

    if dry_run:
        click.echo(json.dumps(to_json(open_run(Flags(**flags))[0]), indent=2))
        return 0
    result = begin(Flags(**flags))
    if isinstance(result, int):
        return result
    if result.interrupted:
        click.echo(f"stopped at {result.images_seen / 1000:g} kimg. To go on: {shlex.join(['python', *sys.argv])}")
        return result.interrupted
    click.echo("\n".join(exit_report(result)))
    return 0


if __name__ == "__main__":
    run(main)
