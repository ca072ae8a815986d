"""KaoKore's original_tags.txt: what the curators wrote of each picture, and the label sets beyond labels.csv."""

from collections.abc import Iterable, Mapping

from torch_utils.errors import DataError
from torch_utils.labels import LabelSet

Tags = Mapping[str, tuple[str, ...]]  # key → values, in the file's order, without blanks around

UNKNOWN = frozenset({"", "不明"})
BOOK_KEYS = ("原典ID", "DOI", "慶応義塾大学請求記号", "京都大学貴重資料デジタルアーカイブレコードID")
WORK_KEY = "原典"
GENDER, STATUS = "性別", "身分"
DATES = ("from ", "to ")  # of a span; years alone and era names stand beside them

# Per set: the key of the tag, and the class of each value. Values that say "unknown" stay gaps.
VALUES: dict[str, tuple[str, dict[str, str]]] = {
    "direction": ("向き", {"正面": "frontal", "四分の三": "three-quarter", "横": "profile", "後": "back"}),
    "era": (
        "制作年",
        {
            "室町末期": "end of Muromachi",
            "室町末近世初": "end of Muromachi to early modern",
            "慶長7": "Keicho 7 (1602)",
            "江戸初期": "beginning of Edo",
            "江戸前期": "early Edo",
            "慶安4": "Keian 4 (1651)",
            "元禄頃": "about Genroku (1688-1704)",
        },
    ),
    "holder": (
        "所蔵",
        {
            "国文学研究資料館": "National Institute of Japanese Literature",
            "慶應義塾大学": "Keio University",
            "京都大学": "Kyoto University",
        },
    ),
}
OFFICIAL = {  # labels.csv's classes by the tags they were made from
    GENDER: ("男", "女"),
    STATUS: ("貴族", "武士", "化身", "庶民"),
}


def read_tags(text: bytes, where: str) -> dict[str, Tags]:
    """Read an original_tags.txt, `name:key=value;key=value;…`, into {file name: {key: values}}.

    A key may repeat; keys and values may be empty or carry blanks, which are stripped.

    Raises:
        DataError: not UTF-8, a line without colon, a field without equals sign, a picture named twice.
    """
    try:
        lines = text.decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: not UTF-8 ({error}). Fetch it again.") from error
    read: dict[str, Tags] = {}
    for number, line in enumerate(lines if text else [], start=1):
        name, colon, rest = line.removesuffix("\r").partition(":")
        fields = [field.partition("=") for field in rest.split(";")] if rest else []
        if not colon or not all(equals for _, equals, _ in fields):
            raise DataError(f"{where}: line {number} is not name:key=value;… Use KaoKore's original_tags.txt.")
        if name in read:
            raise DataError(f"{where}: line {number}: {name} has a line already. Use KaoKore's original_tags.txt.")
        tags: dict[str, tuple[str, ...]] = {}
        for key, _, value in fields:
            tags[key.strip()] = (*tags.get(key.strip(), ()), value.strip())
        read[name] = tags
    return read


def book_of(tags: Tags) -> str | None:
    """The catalogue number of the book a picture is cut from; several volumes may share it."""
    return next((value for key in BOOK_KEYS for value in tags.get(key, ()) if value not in UNKNOWN), None)


def tag_sets(all_tags: Iterable[Tags]) -> tuple[LabelSet, ...]:
    """The label sets direction, era, holder and work; the works are those of the version, sorted."""
    works = sorted({value for tags in all_tags for value in tags.get(WORK_KEY, ()) if value not in UNKNOWN})
    fixed = (LabelSet(name=name, classes=tuple(classes.values())) for name, (_, classes) in VALUES.items())
    return (*fixed, LabelSet(name="work", classes=tuple(works)))


def tag_labels(tags: Tags, label_sets: Iterable[LabelSet], where: str) -> dict[str, int]:
    """{set name: class index} of one picture; a set is left out where its tag is absent, empty or 不明.

    Raises:
        DataError: a value that none of the classes stands for, or two different ones.
    """
    labels = {}
    for label_set in label_sets:
        key, classes = VALUES.get(label_set.name, (WORK_KEY, {name: name for name in label_set.classes}))
        values = {value for value in tags.get(key, ()) if value not in UNKNOWN and not _is_date(value)}
        unknown = sorted(values - classes.keys())
        if unknown or len(values) > 1:
            found = ", ".join(unknown or sorted(values))
            raise DataError(f"{where}: {key} is {found}, which is no class of {label_set.name}. Use the official file.")
        if values:
            labels[label_set.name] = label_set.classes.index(classes[values.pop()])
    return labels


def _is_date(value: str) -> bool:
    return value.startswith(DATES) or (value.isdecimal() and len(value) == 4)


def official_labels(tags: Tags) -> tuple[int, int] | None:
    """(gender, status) as labels.csv has them by its own rule; None where either is outside its classes."""
    found = []
    for key, classes in OFFICIAL.items():
        values = [value for value in tags.get(key, ()) if value in classes]
        if len(values) != 1:
            return None
        found.append(classes.index(values[0]))
    return found[0], found[1]
