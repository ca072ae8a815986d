"""Sample a snapshot: by default the uncurated grid of consecutive seeds."""

from pathlib import Path

import click

from torch_utils.cli import run


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--network", required=True, type=click.Path(path_type=Path), help="Snapshot (.safetensors, .pkl, .pt).")
@click.option("--out", type=click.Path(path_type=Path), help="Grid to write (.png).")
@click.option("--images", "folder", type=click.Path(path_type=Path), help="Folder to write single pictures to.")
@click.option("--seeds", help="Seeds: 0-63 or 1,5,9-12. Default: as many as the grid holds, from 0.")
@click.option("--grid", default="8x8", help="Columns x rows.")
@click.option("--trunc", "psi", default=1.0, type=float, help="Truncation psi: 1 none, 0 the mean picture.")
@click.option("--trunc-cutoff", "cutoff", type=click.IntRange(min=1), help="Truncate only the first styles.")
@click.option("--class", "classes", multiple=True, help="Class by name, e.g. status=warrior; once per label set.")
@click.option("--noise-mode", type=click.Choice(["const", "random", "none"]), default="const", help="Noise inputs.")
@click.option("--batch", default=32, type=click.IntRange(min=1), help="Pictures computed together.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
@click.option(
    "--ops",
    default="auto",
    type=click.Choice(["auto", "cuda", "reference"]),
    help="Compiled ops where they can be had, or else an error (cuda), or none (reference).",
)
def main(network, out, folder, seeds, grid, psi, cutoff, classes, noise_mode, batch, device, ops):
    """Sample a snapshot as an uncurated grid, as single pictures, or both.

    \b
    python generate.py --network runs/demo/snapshot-000040.safetensors --out grid.png
    python generate.py --network S.safetensors --out warriors.png --class status=warrior --trunc 0.7
    python generate.py --network S.safetensors --images faces --seeds 0-999
    """
    from sampling.generate import Request, generate

    request = Request(
        network=network,
        out=out,
        folder=folder,
        seeds=seeds,
        grid=grid,
        psi=psi,
        cutoff=cutoff,
        classes=classes,
        noise=noise_mode,
        batch=batch,
        device=device,
        ops=ops,
    )
    for line in generate(request):
        click.echo(line)


if __name__ == "__main__":
    run(main)
