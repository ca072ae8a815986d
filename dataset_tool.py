"""Make and check data sets: pack pictures, draw demo faces, verify an archive, count its labels."""

import time
from pathlib import Path

import click

from dataset import report
from dataset.archive import Archive
from dataset.convert import Conversion, Crop, Filter, Format
from dataset.iiif.commands import iiif
from dataset.kaokore.commands import kaokore
from dataset.pack import PackOptions
from dataset.pack import pack as pack_pictures
from dataset.pack_demo import pack_drawn_faces
from torch_utils.cli import run

ZIP = click.Path(path_type=Path)
SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}


@click.group(context_settings=SETTINGS)
def main() -> None:
    """Make and check data sets: a zip of square pictures and a dataset.json with labels.

    \b
    python dataset_tool.py demo --out faces.zip --count 2000 --resolution 64
    python dataset_tool.py pack kaokore --out kaokore128.zip --resolution 128
    python dataset_tool.py stats kaokore128.zip
    """


@main.command(context_settings=SETTINGS)
@click.argument("source", type=ZIP)
@click.option("--out", required=True, type=ZIP, help="Zip to write.")
@click.option("--resolution", required=True, type=int, help="Side of the pictures in pixels, a power of two.")
@click.option("--crop", type=click.Choice(["center", "wide", "pad", "none"]), default="center", help="See above.")
@click.option("--filter", type=click.Choice(["lanczos", "box"]), default="lanczos", help="Resizing filter.")
@click.option("--format", type=click.Choice(["png", "jpeg"]), default="png", help="How pictures are stored.")
@click.option("--quality", type=int, help="Quality of JPEG, 1 to 100.  [default: 95]")
@click.option("--labels", metavar="SET", help="Label set other trainers see.  [default: the only one, if so]")
@click.option("--sets", metavar="A,B", help="Label sets to keep.  [default: all]")
@click.option("--joint", metavar="A+B", multiple=True, help="A further label set whose classes are pairs.")
@click.option("--force-joint", is_flag=True, help="Make it even where a class has almost no pictures.")
@click.option("--split-by", type=click.Choice(["official", "book"]), default="official", help="See above.")
@click.option("--split-seed", default=0, type=int, help="Other seeds give other books to dev and test.")
@click.option("--skip-bad", is_flag=True, help="Leave unreadable pictures out instead of failing.")
@click.option("--allow-upscale", is_flag=True, help="Enlarge pictures that are too small instead of failing.")
@click.option("--source-note", default="", help="Where the pictures come from, kept in the zip.")
@click.option("--licence", default="", help="Their licence, kept in the zip and in snapshots.")
@click.option("--attribution", default="", help="Whom to name, kept in the zip and in snapshots.")
def pack(
    source: Path,
    out: Path,
    resolution: int,
    crop: Crop,
    filter: Filter,
    format: Format,
    quality: int | None,
    labels: str | None,
    sets: str | None,
    joint: tuple[str, ...],
    force_joint: bool,
    split_by: str,
    split_seed: int,
    skip_bad: bool,
    allow_upscale: bool,
    source_note: str,
    licence: str,
    attribution: str,
) -> None:
    """Pack a folder, a zip, or a KaoKore download into square RGB pictures.

    Labels come from KaoKore's labels.csv, from a dataset.json, or from the names of sub-folders.
    Transparency is put on white, 16 bits become 8, EXIF orientation is applied, no colour management.

    \b
    --crop center  the largest centred square
    --crop wide    the centred 4:3 piece, black bars above and below
    --crop pad     the whole picture, black bars
    --crop none    nothing is cut: all pictures must be square
    \b
    --split-by official  the split that the source has
    --split-by book      dev and test hold books of which train has no picture
    """
    conversion = Conversion(resolution=resolution, crop=crop, filter=filter, format=format, quality=quality)
    options = PackOptions(
        conversion=conversion,
        main_set=labels,
        label_sets=sets.split(",") if sets is not None else None,
        joint=joint,
        force_joint=force_joint,
        split_seed=split_seed if split_by == "book" else None,
        skip_bad=skip_bad,
        allow_upscale=allow_upscale,
        source=source_note,
        licence=licence,
        attribution=attribution,
    )
    started = time.perf_counter()
    count = pack_pictures(source, out, options, click.echo)
    _print_archive(out, count / (time.perf_counter() - started))


@main.command(context_settings=SETTINGS)
@click.option("--out", required=True, type=ZIP, help="Zip to write.")
@click.option("--count", default=2000, type=int, help="Faces to draw.")
@click.option("--resolution", default=64, type=int, help="Side of the pictures in pixels.")
@click.option("--seed", default=0, type=int, help="Other seeds draw other faces.")
def demo(out: Path, count: int, resolution: int, seed: int) -> None:
    """Draw faces after Japanese picture scrolls by program and pack them with their labels."""
    started = time.perf_counter()
    pack_drawn_faces(out, count=count, resolution=resolution, seed=seed)
    _print_archive(out, count / (time.perf_counter() - started))


@main.command(context_settings=SETTINGS)
@click.argument("archive", type=ZIP)
def verify(archive: Path) -> None:
    """Decode every picture of a zip, compare its digests, report its labels; exit status 2 when damaged."""
    opened = Archive.open(archive)
    report.verify(opened)
    click.echo("\n".join([*report.summary(opened), *report.label_table(opened), "whole: every picture decodes"]))


@main.command(context_settings=SETTINGS)
@click.argument("archive", type=ZIP)
@click.option("--quick", is_flag=True, help="Do not look for near-duplicates, which decodes every picture.")
def stats(archive: Path, quick: bool) -> None:
    """Print classes, splits, missing labels, and what the splits share: pages, books, pictures alike."""
    opened = Archive.open(archive)
    lines = [*report.summary(opened), *report.label_table(opened), *report.shared_between_splits(opened)]
    click.echo("\n".join(lines if quick else [*lines, *report.near_duplicates(opened)]))


main.add_command(kaokore)
main.add_command(iiif)


def _print_archive(path: Path, pictures_per_second: float) -> None:
    archive = Archive.open(path)
    lines = [
        *report.summary(archive),
        f"{'speed':<12} {pictures_per_second:.0f} pictures/s",
        *report.label_table(archive),
    ]
    click.echo("\n".join(lines))


if __name__ == "__main__":
    run(main)
