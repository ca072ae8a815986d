"""KaoKore, faces from pre-modern Japanese art: its versions, index, labels, licence; fetching and verifying it."""

from dataset.kaokore.labels import (
    ATTRIBUTION,
    FOLDER,
    LABEL_SETS,
    LABELS_FILE,
    LICENCE,
    REDISTRIBUTION,
    LabelRow,
    read_labels,
    source_name,
)

__all__ = [
    "ATTRIBUTION",
    "FOLDER",
    "LABELS_FILE",
    "LABEL_SETS",
    "LICENCE",
    "REDISTRIBUTION",
    "LabelRow",
    "read_labels",
    "source_name",
]
