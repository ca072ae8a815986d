"""KaoKore's four versions: where their index files lie, and the digests that pin every byte of them.

Names and splits differ between versions, so it matters which one a file belongs to: never join two versions by name.
"""

import hashlib
from dataclasses import dataclass

COMMIT = "2a1217883a2e86586b5cabe58f9e358b16ab6f33"  # of rois-codh/kaokore, 2022-05-17
HOME = f"https://raw.githubusercontent.com/rois-codh/kaokore/{COMMIT}"

LABELS_FILE = "labels.csv"
URLS_FILE = "urls.txt"
TAGS_FILE = "original_tags.txt"
INDEX_FILES = (LABELS_FILE, URLS_FILE, TAGS_FILE)


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version: its folder in the official repository, and the SHA-256 of each of its index files."""

    name: str
    folder: str
    digests: dict[str, str]


def _version(name: str, folder: str, labels: str, urls: str, tags: str) -> Version:
    return Version(name=name, folder=folder, digests=dict(zip(INDEX_FILES, (labels, urls, tags), strict=True)))


VERSIONS = {
    version.name: version
    for version in (
        _version(
            "1.0",
            "dataset",
            "13c3564f5db3854fa20de924271a29163bc702b06da97ad86a9414fe7c2ea98c",
            "22e1ebd6fc3374358fd75540e62c767a8dfcbe2298510472d9ba0385ec4a3c22",
            "aed5a0088b80bf6a359b4d5f9b7c6a2e57a457357c31927e94817b2ec4b6c9d4",
        ),
        _version(
            "1.1",
            "dataset_v1.1",
            "1776a644b37bc46c318d604b572341d9045439ff82597ee8ec0991b8bd9e9a1c",
            "a41bd73ca2abff7a665319785264198fe5d9df0bef3cdd816ff41bdda06e7393",
            "d727206243e127094dc1d9ae512034e6e4f6b47ea6258f203b5eac1edb642e85",
        ),
        _version(
            "1.2",
            "dataset_v1.2",
            "fcf670ed4824de878af3b8c7ab4dd38cc1b47adedbfce9170faa568b0f982da6",
            "5675da064164657c367558fb16ade6fca4e73930169672261698d984c6cb4192",
            "d8c61312fe9101559ced73300e85bdc155ecb933956488dc5d9867d578baea7b",
        ),
        _version(
            "1.3",
            "dataset_v1.3",
            "fa2c9e869073f26253cf0a5f58c619ec3e76ea918c603933ad1e1d93b9dc5d67",
            "5d100e034e1fb956af0d39b7e662533e06c32aaf71d1f52709b358d37ee6ef1c",
            "87fcaa038e9c337e638dfb0a8884715a3bd400f80b538a4f032d27c7fb05c694",
        ),
    )
}


def version_of(text: bytes, file: str) -> str | None:
    """The version whose index file this is, by its digest; None for any other bytes."""
    digest = hashlib.sha256(text).hexdigest()
    return next((name for name, version in VERSIONS.items() if version.digests[file] == digest), None)
