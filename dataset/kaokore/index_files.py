"""Where index files come from: a clone, a folder or a zip on the disk, or the pinned commit, kept for later."""

import os
from pathlib import Path, PurePosixPath

from dataset.kaokore.index import Index, MetadataError, known_version, read_index
from dataset.kaokore.versions import COMMIT, HOME, INDEX_FILES, LABELS_FILE, VERSIONS, version_of
from dataset.sources import Source, open_source
from dataset.web.http import Limits, RefusedError, UnsettledError, Web, origin_of
from dataset.web.user_agent import user_agent
from torch_utils.errors import ConfigError, DataError, UserError
from torch_utils.files import atomic_write

FILE_LIMITS = Limits(most_bytes=16 * 2**20, most_seconds=120.0)
TRIES = 3


def load_index(source: Path | None, version: str, *, unpinned: bool = False, home: str = HOME) -> Index:
    """The index of a version, from the disk, or from the pinned commit where `source` is None.

    Args:
        source: a clone of rois-codh/kaokore, a folder or zip that holds it, or one version's folder.
        home: address of the commit's files; only tests give another.
    Raises:
        MetadataError: other bytes than those pinned, or files that contradict each other.
        DataError: no such files there, or they could not be downloaded.
    """
    known_version(version)
    if source is None:
        files = _pinned(version, home)
        return read_index(files, version, f"KaoKore v{version} at {COMMIT[:12]}")
    with open_source(source) as opened:
        folder = _folder(opened, version)
        files = {file: opened.read(folder + file) for file in INDEX_FILES}
    return read_index(files, version, f"{source}: {folder}".rstrip("/ :"), unpinned=unpinned)


def version_in(source: Path) -> str:
    """The version whose labels.csv lies in a folder or zip.

    Raises:
        ConfigError: none, several, or one with other bytes than the official ones.
    """
    with open_source(source) as opened:
        files = [name for name in opened.files if PurePosixPath(name).name == LABELS_FILE]
        found = {version_of(opened.read(name), LABELS_FILE) for name in files}
    (version, *others) = found or {None}
    if version is None or others:
        what = "several versions" if others else "an edited one" if files else "none"
        raise ConfigError(f"{source}: no official {LABELS_FILE} tells the version (found: {what}). Add --version.")
    return version


def _folder(source: Source, version: str) -> str:
    """The folder, with its slash, that holds the version's three files."""
    there = set(source.files)
    folders = {name.removesuffix(LABELS_FILE) for name in there if PurePosixPath(name).name == LABELS_FILE}
    whole = [folder for folder in folders if all(folder + file in there for file in INDEX_FILES)]
    own = [folder for folder in whole if PurePosixPath(folder).name == VERSIONS[version].folder]
    flat = [folder for folder in whole if PurePosixPath(folder).name not in {v.folder for v in VERSIONS.values()}]
    for found in (own, flat):
        if len(found) == 1:
            return found[0]
    raise DataError(
        f"{source.path}: {'several folders hold' if whole else 'no folder holds'} {', '.join(INDEX_FILES)} of "
        f"v{version}. Give a clone of rois-codh/kaokore, or its folder {VERSIONS[version].folder}."
    )


def cache_folder() -> Path:
    """Where downloaded index files are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "kaokore-stylegan" / "index" / COMMIT[:12]


def _pinned(version: str, home: str) -> dict[str, bytes]:
    """Read from the cache, or download; only bytes of the pinned digest are ever kept."""
    folder = VERSIONS[version].folder
    web = Web(user_agent=user_agent(), origins=[origin_of(home)], limits=FILE_LIMITS)
    files = {}
    for file in INDEX_FILES:
        kept = cache_folder() / folder / file
        text = kept.read_bytes() if kept.exists() else b""
        if version_of(text, file) != version:
            text = _download(web, f"{home}/{folder}/{file}")
            if version_of(text, file) != version:
                raise MetadataError(
                    f"{home}/{folder}/{file}: its SHA-256 is not the one pinned. Nothing was kept; try again, or give "
                    "a clone of rois-codh/kaokore with --source."
                )
            with atomic_write(kept) as temporary:
                temporary.write_bytes(text)
        files[file] = text
    return files


def _download(web: Web, url: str) -> bytes:
    reason = ""
    for _ in range(TRIES):
        try:
            return web.get(url).body or b""
        except UnsettledError as error:
            reason = str(error)
        except RefusedError as error:
            reason = str(error)
            break
    raise _unreachable(url, reason)


def _unreachable(url: str, reason: str) -> UserError:
    return DataError(f"{url}: {reason}. Try later, or give a clone of rois-codh/kaokore with --source.")
