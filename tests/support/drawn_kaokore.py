"""A small index in KaoKore's formats, drawn up by hand: three hosts, two books each, holes, gaps, odd tags."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dataset.kaokore.index import Index, read_index
from dataset.kaokore.versions import INDEX_FILES, VERSIONS

GENDERS, STATUSES = ("男", "女"), ("貴族", "武士", "化身", "庶民")
DIRECTIONS = ("四分の三", "横", "正面", "後", "不明 ", "")
ERAS = (
    ";".join(("制作年=from 1600", "制作年=to 1700", "制作年=江戸前期")),
    "制作年=不明",
    "制作年=1651;制作年=慶安4",
    "制作年=",
)
CODH, KEIO, KYOTO = "codh.rois.ac.jp", "iiif.lib.keio.ac.jp", "rmda.kulib.kyoto-u.ac.jp"
HOSTS = (CODH, KEIO, KYOTO)
HOLDERS = {CODH: "国文学研究資料館", KEIO: "慶應義塾大学", KYOTO: "京都大学"}
BOOKS = {CODH: "10.20730/20000000{}", KEIO: "132X@{}@1", KYOTO: "RB0000000{}"}
BOOK_KEYS = {CODH: "DOI", KEIO: "慶応義塾大学請求記号", KYOTO: "京都大学貴重資料デジタルアーカイブレコードID"}
SCHEMES = {CODH: "http", KEIO: "https", KYOTO: "https"}


@dataclass(frozen=True)
class Line:
    """One picture of the drawn index."""

    number: int
    host: str
    book: int
    page: int
    region: tuple[int, int, int, int]
    gender: int | None
    status: int | None
    split: str | None
    shift: int = 0  # by which the number was changed; the tags stay

    @property
    def name(self) -> str:
        return f"{self.number:08d}.jpg"

    def address(self, size: str) -> str:
        number = self.book + 1
        identifier = {
            CODH: f"pmjt/iiif/20000000{number}/20000000{number}_{self.page:05d}.tif",
            KEIO: f"iipsrv/NRE/132X-{number}-1/tif/{self.page:03d}.tif",
            KYOTO: f"iiif/RB0000000{number}/01/RB0000000{number}_{self.page:05d}_0.ptif",
        }[self.host]
        region = ",".join(map(str, self.region))
        return f"{SCHEMES[self.host]}://{self.host}/{identifier}/{region}/{size}/0/default.jpg"

    @property
    def tags(self) -> str:
        place = self.number - self.shift
        gender = "不明" if self.gender is None else GENDERS[self.gender]
        status = "僧侶" if self.status is None else STATUSES[self.status]
        fields = [
            *(["="] if place % 11 == 10 else []),  # an empty key, as some lines of the real file have
            "タグ=老人;タグ=中国",
            ERAS[place % len(ERAS)],
            f"原典=物語{'甲乙'[self.book]}",
            f"{BOOK_KEYS[self.host]}={BOOKS[self.host].format(self.book + 1)} ",
            f"向き={DIRECTIONS[place % len(DIRECTIONS)]}",
            f"性別={gender}",
            f"所蔵={HOLDERS[self.host]}",
            f"身分={status}",
        ]
        return f"{self.name}:{';'.join(fields)}"


def lines_of(count: int = 24, hole: int | None = 5, first: int = 0) -> list[Line]:
    """Lines whose host, book, page and labels follow from their number; every ninth is unlabelled, `hole` is left out.

    The pictures 3k, 3k+1, 3k+2 lie on three hosts; two of each host share a page, and the last two crops overlap.
    """
    lines = []
    for number in range(first, first + count):
        place = number - first
        if place == hole:
            continue
        labelled = place % 9 != 8
        side = 60 + 7 * (place % 30)
        x = -4 if place == 7 else 10 + 31 * (place % 20)
        lines.append(
            Line(
                number=number,
                host=HOSTS[place % 3],
                book=place // 3 % 2,
                page=1 + place // 12,
                region=(x, 20 + 3 * (place % 50), side, side),
                gender=place // 2 % 2 if labelled else None,
                status=place % 4 if labelled else None,
                split=("train", "train", "train", "dev", "test")[place % 5] if labelled else None,
            )
        )
    return lines


def index_files(lines: Sequence[Line], *, size: str = "256,256", forgotten: Sequence[int] = ()) -> dict[str, bytes]:
    """The three files; `forgotten` numbers have no address though they have labels."""
    by_number = {line.number: line for line in lines if line.number not in forgotten}
    urls = [by_number[n].address(size) if n in by_number else "" for n in range(max(by_number, default=-1) + 1)]
    rows = [f"{line.name},{line.gender},{line.status},{line.split}" for line in lines if line.split]
    texts = {
        "urls.txt": urls,
        "labels.csv": ["image,gender,status,set", *rows],
        "original_tags.txt": [line.tags for line in lines],
    }
    return {name: ("\n".join(texts[name]) + "\n").encode() for name in INDEX_FILES}


def write_index(folder: Path, version: str = "1.3", lines: Sequence[Line] | None = None, size: str = "256,256") -> Path:
    """A clone with one version's folder; the clone's path."""
    target = folder / VERSIONS[version].folder
    target.mkdir(parents=True)
    for name, text in index_files(lines or lines_of(), size=size).items():
        (target / name).write_bytes(text)
    return folder


def drawn_index(lines: Sequence[Line] | None = None, version: str = "1.3", size: str = "256,256") -> Index:
    """The index, read."""
    return read_index(index_files(lines or lines_of(), size=size), version, "drawn", unpinned=True)


def face(number: int, side: int = 256) -> bytes:
    """A JPEG told apart by its number; no picture of KaoKore."""
    small = np.random.default_rng(number).integers(40, 216, (8, 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def write_download(folder: Path, lines: Sequence[Line], *, without: Sequence[int] = (), side: int = 256) -> Path:
    """What the official script leaves: images_256 and labels.csv."""
    (folder / "images_256").mkdir(parents=True)
    for line in lines:
        if line.number not in without:
            (folder / "images_256" / line.name).write_bytes(face(line.number, side))
    (folder / "labels.csv").write_bytes(index_files(lines)["labels.csv"])
    return folder
