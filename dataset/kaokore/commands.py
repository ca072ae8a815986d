"""The sub-commands of `dataset_tool.py kaokore`: they parse, call one function, print, and return the exit status."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from dataset.kaokore.adopt import adopt as adopt_pictures
from dataset.kaokore.fetch import FetchOptions, dry_run_lines, fetch_lines
from dataset.kaokore.fetch import fetch as fetch_pictures
from dataset.kaokore.folder import KaokoreFolder, Mode
from dataset.kaokore.index import Index, MetadataError, completed
from dataset.kaokore.index_files import load_index, version_in
from dataset.kaokore.info import info_lines
from dataset.kaokore.plan import Border
from dataset.kaokore.verify import verification_lines
from dataset.kaokore.verify import verify as verify_folder
from dataset.kaokore.versions import VERSIONS
from dataset.web.options import Polite, polite_options
from torch_utils.errors import ConfigError

INCOMPLETE_STATUS, METADATA_STATUS = 3, 4
PATH = click.Path(path_type=Path)
SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
source_option = click.option(
    "--source",
    type=PATH,
    help="Clone, folder or zip with the index files.  [default: the pinned commit, downloaded once]",
)
unpinned_option = click.option("--allow-unpinned", is_flag=True, help="Accept index files with other bytes.")

Arguments = ParamSpec("Arguments")


def metadata_status(command: Callable[Arguments, int | None]) -> Callable[Arguments, int | None]:
    """Exit with status 4 where index files are not those pinned."""

    @wraps(command)
    def wrapped(*arguments: Arguments.args, **options: Arguments.kwargs) -> int | None:
        try:
            return command(*arguments, **options)
        except MetadataError as error:
            click.echo(f"error: {error}", err=True)
            return METADATA_STATUS

    return wrapped


@click.group(context_settings=SETTINGS)
def kaokore() -> None:
    """KaoKore from the source: what it holds, fetch it, take over a download, verify it.

    \b
    python dataset_tool.py kaokore info
    python dataset_tool.py kaokore fetch --version 1.3 --dest kaokore --contact you@example.org
    python dataset_tool.py kaokore verify kaokore
    python dataset_tool.py pack kaokore --out kaokore256.zip --resolution 256
    """


@kaokore.command(context_settings=SETTINGS)
@click.option("--version", default="all", help=f"One of {', '.join(VERSIONS)}, or all.")
@source_option
@unpinned_option
@metadata_status
def info(version: str, source: Path | None, allow_unpinned: bool) -> None:
    """Count pictures, splits and classes, name hosts and leaks, from the index alone.

    Exit status 4: the index files are not those pinned.
    """
    versions = list(VERSIONS) if version == "all" else [version]
    indices = [load_index(source, name, unpinned=allow_unpinned) for name in versions]
    click.echo("\n".join(info_lines(indices)))


@kaokore.command(context_settings=SETTINGS)
@click.option("--images", required=True, type=PATH, help="Folder or zip that the official script made.")
@click.option("--version", help="Of the pictures.  [default: told by the labels.csv beside them]")
@click.option("--dest", required=True, type=PATH, help="Folder to write.")
@source_option
@unpinned_option
@metadata_status
def adopt(images: Path, version: str | None, dest: Path, source: Path | None, allow_unpinned: bool) -> int:
    """Take over pictures that are there already: each is decoded, checked and copied as it is.

    Exit status 3: some were not taken, their reasons stand in failed.tsv. 4: the index files are not those pinned.
    """
    index = load_index(source, version or version_in(images), unpinned=allow_unpinned)
    folder = KaokoreFolder(dest, index.version, "official", allow_unpinned)
    adoption = adopt_pictures(images, index, folder, click.echo)
    listed = len(index.reachable)
    click.echo(f"{dest}: {adoption.adopted} of {listed} pictures of v{index.version} adopted")
    if adoption.rejected:
        click.echo(f"{len(adoption.rejected)} were not; their reasons stand in {dest / 'failed.tsv'}")
    return INCOMPLETE_STATUS if adoption.rejected else 0


@kaokore.command(context_settings=SETTINGS)
@click.option("--version", required=True, help=f"One of {', '.join(VERSIONS)}.")
@click.option("--dest", required=True, type=PATH, help="Folder to write; the same command goes on where it stopped.")
@source_option
@unpinned_option
@click.option("--mode", type=click.Choice(["official", "native"]), default="official", help="See above.")
@click.option("--border", type=click.Choice(["shift", "crop", "pad"]), default="shift", help="See above.")
@click.option("--raw-urls", is_flag=True, help="Ask for v1.3's thumbnails as they are listed.")
@click.option("--replace-thumbnails", is_flag=True, help="Fetch again what is there as a thumbnail.")
@click.option("--complete", is_flag=True, help="Take the addresses that v1.1 forgot from v1.2.")
@click.option("--refresh", is_flag=True, help="Ask again for what is there; unchanged pictures are kept (ETag).")
@click.option("--only", metavar="WHICH", help="A split, labelled, unlabelled, a range such as 100-199, or a host.")
@click.option("--limit", type=click.IntRange(min=1), help="Only the first pictures.")
@polite_options
@click.option("--dry-run", is_flag=True, help="Tell what would be done; no request is sent, nothing is written.")
@metadata_status
def fetch(
    version: str,
    dest: Path,
    source: Path | None,
    allow_unpinned: bool,
    mode: Mode,
    border: Border,
    raw_urls: bool,
    replace_thumbnails: bool,
    complete: bool,
    refresh: bool,
    only: str | None,
    limit: int | None,
    polite: Polite,
    dry_run: bool,
) -> int:
    """Fetch a version from the holders' servers, slowly, so that it harms nobody.

    \b
    --mode official  256×256 as the holders' servers make it, bytes as they come
    --mode native    crops as large as the holders have them; pack and the loaders resize them all alike
    --border         where a listed origin lies outside the page and the server refuses it:
                     shift the crop inside, crop it to the inside, or pad it with the page's edge

    Exit status 0: all that was asked for is there. 3: some is not, failed.tsv says why. 4: the index files are not
    those pinned. 130: interrupted; nothing is half written.
    """
    index = _index(source, version, complete, allow_unpinned)
    folder = KaokoreFolder(dest, version, mode, allow_unpinned)
    options = FetchOptions(
        border=border,
        raw_urls=raw_urls,
        replace_thumbnails=replace_thumbnails,
        refresh=refresh,
        only=only,
        limit=limit,
        contact=polite.contact,
        moved=polite.moved,
        allowed=polite.allowed,
        insecure=polite.insecure,
        manners=polite.manners,
        limits=polite.limits,
    )
    if dry_run:
        click.echo("\n".join(dry_run_lines(index, folder, options)))
        return 0
    found = fetch_pictures(index, folder, options, click.echo)
    click.echo("\n".join(fetch_lines(found, folder, index)))
    return INCOMPLETE_STATUS if found.failed else 0


def _index(source: Path | None, version: str, complete: bool, unpinned: bool) -> Index:
    index = load_index(source, version, unpinned=unpinned)
    if not complete:
        return index
    if version != "1.1":
        raise ConfigError(f"--complete: only v1.1 forgot addresses, not v{version}. Leave it out.")
    return completed(index, load_index(source, "1.2", unpinned=unpinned))


@kaokore.command(context_settings=SETTINGS)
@click.argument("folder", type=PATH)
@click.option("--deep", is_flag=True, help="Look for near-duplicates and pictures of one colour, too.")
@metadata_status
def verify(folder: Path, deep: bool) -> int:
    """Hash and decode every picture of a folder.

    Exit status 0: complete. 3: pictures are missing. 4: the index files are not those of the version. 5: pictures are
    damaged or changed.
    """
    found = verify_folder(folder, deep=deep)
    click.echo("\n".join(verification_lines(found)))
    return found.status
