"""The sub-commands of `dataset_tool.py kaokore`: they parse, call one function, print, and return the exit status."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import click

from dataset.kaokore.adopt import adopt as adopt_pictures
from dataset.kaokore.folder import KaokoreFolder
from dataset.kaokore.index import MetadataError
from dataset.kaokore.index_files import load_index, version_in
from dataset.kaokore.info import info_lines
from dataset.kaokore.verify import verification_lines
from dataset.kaokore.verify import verify as verify_folder
from dataset.kaokore.versions import VERSIONS

METADATA_STATUS = 4
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
    return 3 if adoption.rejected else 0


@kaokore.command(context_settings=SETTINGS)
@click.argument("folder", type=PATH)
@metadata_status
def verify(folder: Path) -> int:
    """Hash and decode every picture of a folder.

    Exit status 0: complete. 3: pictures are missing. 4: the index files are not those of the version. 5: pictures are
    damaged or changed.
    """
    found = verify_folder(folder)
    click.echo("\n".join(verification_lines(found)))
    return found.status
