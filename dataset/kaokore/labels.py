"""KaoKore's labels.csv: one row for each labelled picture, `image,gender,status,set`."""

import csv
from dataclasses import dataclass

from dataset.kaokore.versions import LABELS_FILE, version_of
from torch_utils.errors import DataError
from torch_utils.labels import LabelSet

FOLDER = "images_256"
NATIVE_FOLDER = "images_native"  # crops as large as the holders give them
HEADER = ["image", "gender", "status", "set"]
SPLITS = ("train", "dev", "test")
LABEL_SETS = (
    LabelSet(name="gender", classes=("male", "female")),
    LabelSet(name="status", classes=("noble", "warrior", "incarnation", "commoner")),
)
LICENCE = "CC BY-SA 4.0"
ATTRIBUTION = '"KaoKore Dataset" (collected by CODH from multiple organizations), doi:10.20676/00000353'
REDISTRIBUTION = (
    "KaoKore: the providers of the pictures ask that no derived data set including picture data be made public. "
    "Keep this zip to yourself."
)


@dataclass(frozen=True)
class LabelRow:
    """Labels of one picture, as indices into the classes of LABEL_SETS."""

    gender: int
    status: int
    split: str


def read_labels(text: bytes, where: str) -> dict[str, LabelRow]:
    """Read a labels.csv into {file name: row}.

    Args:
        where: begins every error, for example "kaokore: labels.csv".
    Raises:
        DataError: not UTF-8, another header, a label or a split that does not exist, a picture named twice.
    """
    try:
        lines = list(csv.reader(text.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where}: not a UTF-8 CSV file ({error}). Fetch it again.") from error
    if not lines or lines[0] != HEADER:
        found = ",".join(lines[0]) if lines else "nothing"
        raise DataError(f"{where}: its first line is {found[:80]}, not {','.join(HEADER)}. Use KaoKore's labels.csv.")
    rows: dict[str, LabelRow] = {}
    for number, fields in enumerate(lines[1:], start=2):
        row = _read_row(fields, f"{where}: line {number}")
        if fields[0] in rows:
            raise DataError(f"{where}: line {number}: {fields[0]} has a row already. Use KaoKore's labels.csv.")
        rows[fields[0]] = row
    return rows


def source_name(text: bytes) -> str:
    """ "KaoKore v1.3" for an official label file, "KaoKore (edited labels)" for any other."""
    version = version_of(text, LABELS_FILE)
    return f"KaoKore v{version}" if version else "KaoKore (edited labels)"


def _read_row(fields: list[str], where: str) -> LabelRow:
    if len(fields) != len(HEADER):
        raise DataError(f"{where}: {len(fields)} fields, not {len(HEADER)}. Fetch labels.csv again.")
    gender, status = (
        _read_index(value, label_set, where) for label_set, value in zip(LABEL_SETS, fields[1:3], strict=True)
    )
    if fields[3] not in SPLITS:
        raise DataError(f"{where}: set {fields[3]!r} is none of {', '.join(SPLITS)}. Correct it.")
    return LabelRow(gender, status, fields[3])


def _read_index(value: str, label_set: LabelSet, where: str) -> int:
    if value not in {str(index) for index in range(len(label_set.classes))}:
        raise DataError(f"{where}: {label_set.name} {value!r} is not 0 to {len(label_set.classes) - 1}. Correct it.")
    return int(value)
