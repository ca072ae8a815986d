"""Score a snapshot against an archive (FID, KID) or by itself (EQ-T, EQ-R)."""

from pathlib import Path

import click

from torch_utils.cli import run

_PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--network", type=_PATH, help="Snapshot (.safetensors, .pkl, .pt).")
@click.option("--compare", type=_PATH, help="Instead of a snapshot: another archive, to see how low a score can be.")
@click.option("--compare-split", help="Split of that archive. Default: all.")
@click.option("--data", type=_PATH, help="Archive (.zip) of real pictures; not needed for eq_... and class_agreement.")
@click.option("--metrics", default="fid", help="fid, kid, class_agreement, eq_t, …, or with a count: fid5k,kid.")
@click.option(
    "--num-samples",
    type=click.IntRange(1, 10_000_000),
    help="Generated pictures. Default: fid 50000, kid 2000, others 1000.",
)
@click.option("--split", help="Split of the archive. Default: the one trained on, else all.")
@click.option("--classifier", type=_PATH, help="For class_agreement: a classifier of classify.py train.")
@click.option(
    "--extractor", type=_PATH, help="Features by this .pt2 program, or by a classifier, instead of Inception."
)
@click.option("--extractor-sha256", help="Its digest, if it is not one we know.")
@click.option("--inception-weights", type=_PATH, help="torch-fidelity's Inception weights, if they are a file.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of the latents, of KID's subsets, of moves.")
@click.option("--trunc", "psi", default=1.0, type=float, help="Truncation psi.")
@click.option("--batch", default=32, type=click.IntRange(min=1), help="Pictures computed together.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
@click.option(
    "--ops",
    default="auto",
    type=click.Choice(["auto", "cuda", "reference"]),
    help="Compiled ops where they can be had, or else an error (cuda), or none (reference).",
)
@click.option("--out", type=_PATH, help="Write the results, with their recipes, as JSON.")
@click.option("--cache", type=_PATH, help="Folder for features of real pictures.")
def main(**options):
    """Score a snapshot against the pictures it was trained on.

    \b
    python evaluate.py --network S.safetensors --data kaokore.zip --metrics fid,kid --out scores.json
    python evaluate.py --network S.safetensors --data kaokore.zip --metrics kid --extractor features.pt2
    python evaluate.py --network S.safetensors --metrics eq_t,eq_t_frac,eq_r
    python evaluate.py --network S.safetensors --metrics class_agreement --classifier classifier.safetensors
    python evaluate.py --compare kaokore.zip --compare-split test --data kaokore.zip --split train --metrics kid800
    """
    from metrics.evaluate import Request, evaluate, summary, write_results

    results = evaluate(Request(**options))
    for result in results:
        recipe = result.recipe
        after = f" ± {result.deviation:.4f}" if result.deviation is not None else f" {recipe.get('unit', '')}"
        click.echo(f"{result.display_name:32} {result.value:10.4f}{after:10}  {summary(result)}")
        if "note" in recipe:
            click.echo(f"{'':32} note: {recipe['note']}")
    if options["out"] is not None:
        write_results(options["out"], results)


if __name__ == "__main__":
    run(main)
