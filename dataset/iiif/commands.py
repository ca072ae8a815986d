"""The command `dataset_tool.py iiif`."""

from pathlib import Path

import click

from dataset.iiif.canvases import Square
from dataset.iiif.collect import CollectOptions, collect
from dataset.web.options import Polite, polite_options

INCOMPLETE_STATUS = 3
PATH = click.Path(path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.argument("curation")
@click.option("--out", required=True, type=PATH, help="Folder to write; the same command goes on where it stopped.")
@click.option("--size", default=256, type=int, help="Side of the pictures in pixels, a power of two.")
@click.option("--square", type=click.Choice(["expand", "crop", "keep"]), default="expand", help="See above.")
@click.option("--whole-pages", is_flag=True, help="Take selections without a region, too.")
@click.option("--documents", type=PATH, help="Folder with manifests and info.json at host/path.")
@click.option("--offline", is_flag=True, help="Ask for no document that is not in --documents.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first regions.")
@polite_options
def iiif(
    curation: str,
    out: Path,
    size: int,
    square: Square,
    whole_pages: bool,
    documents: Path | None,
    offline: bool,
    limit: int | None,
    polite: Polite,
) -> int:
    """Turn an IIIF Curation, or a Presentation 2 or 3 manifest with regions, into a folder of pictures with labels.

    CURATION is an address or a file. Labels come from the metadata; pack reads the folder.

    \b
    --square expand  regions are widened to squares around their centre, moved inside the page
    --square crop    their largest centred square
    --square keep    as they are, on a black square

    Exit status 3: some regions could not be had, failed.tsv says why.
    """
    options = CollectOptions(
        size=size,
        square=square,
        whole_pages=whole_pages,
        documents=documents,
        offline=offline,
        limit=limit,
        contact=polite.contact,
        moved=polite.moved,
        allowed=polite.allowed,
        insecure=polite.insecure,
        manners=polite.manners,
        limits=polite.limits,
    )
    found = collect(curation, out, options, click.echo)
    sets = ", ".join(found.label_sets) or "none"
    click.echo(f"{out}: {found.there} pictures, {len(found.failed)} failed; label sets: {sets}")
    return INCOMPLETE_STATUS if found.failed else 0
