"""Convert a public StyleGAN checkpoint into a snapshot of ours, without running anything in it."""

from pathlib import Path

import click

from torch_utils.cli import run

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("network", type=_PATH)
@click.option("--out", required=True, type=_PATH, help="Snapshot to write (.safetensors).")
@click.option(
    "--snapshot-parts",
    "parts",
    default="all",
    type=click.Choice(["all", "ema"]),
    help="ema: without G and D, for sampling alone.",
)
def main(network, out, parts):
    """Convert the pickles of StyleGAN2-ADA and StyleGAN3, and StyleGAN2's .pt files that hold g_ema.

    \b
    python convert.py network.pkl --out S.safetensors
    python convert.py stylegan2-ffhq-config-f.pt --out S.safetensors
    """
    from networks.public.report import convert

    for line in convert(network, out, parts):
        click.echo(line)


if __name__ == "__main__":
    run(main)
