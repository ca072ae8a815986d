"""The table for programs (JSON) and for people (Markdown)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch

from classification.paper import SOURCE, TEST_PICTURES
from classification.table_rows import Row, clear_differences
from dataset.archive import Archive
from torch_utils.version import PROJECT_VERSION

_HEAD = (
    "model",
    "preset",
    "seeds",
    "accuracy",
    "95 % interval",
    "least–most",
    "macro-F1",
    "balanced",
    "ECE",
    "paper",
    "minus paper",
)


def as_json(
    archive: Archive, rows: Sequence[Row], majorities: Mapping[tuple[str, str], float], weights: str
) -> dict[str, Any]:
    """All numbers, accuracies as shares; blocks by split and label."""
    return {
        "data": archive.path.name,
        "data_digest": archive.digest,
        "source": archive.source,
        "attribution": archive.attribution,
        "weights": weights,
        "paper": {"source": SOURCE, "pictures": TEST_PICTURES},
        "project_version": PROJECT_VERSION,
        "torch": torch.__version__,
        "blocks": [
            _block(split, label, share, [row for row in rows if (row.split, row.label) == (split, label)])
            for (split, label), share in majorities.items()
        ],
    }


def _block(split: str, label: str, majority: float, rows: Sequence[Row]) -> dict[str, Any]:
    return {
        "split": split,
        "label": label,
        "pictures": rows[0].pictures,
        "missing": rows[0].missing,
        "majority": majority,
        "rows": [_row(row) for row in rows],
        "clear_differences": [asdict(item) for item in clear_differences(rows)],
    }


def _row(row: Row) -> dict[str, Any]:
    values = asdict(row) | {"accuracy": row.accuracy, "name": row.name}
    values["clearly_other_than_paper"] = row.from_paper.is_clear if row.from_paper else None
    return {
        key: value for key, value in values.items() if key not in ("right", "split", "label", "pictures", "missing")
    }


def as_markdown(document: Mapping[str, Any]) -> str:
    """A table for each split and label, with what is clear and what is not."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    yield "# Classification"
    yield ""
    source, paper = document["source"] or "source unknown", document["paper"]
    yield f"{document['data']} ({source}), weights: {document['weights']}."
    yield "Accuracies are percentages, means over the seeds."
    yield "An interval is Wilson's, for as many pictures as the test part has."
    yield f"The paper's figures are single runs on the {paper['pictures']} test pictures of {paper['source']};"
    yield "ours are compared with them only where they are of the same pictures."
    for block in document["blocks"]:
        yield from _block_lines(block)
    if document["attribution"]:
        yield ""
        yield f"Data: {document['attribution']}."


def _block_lines(block: Mapping[str, Any]) -> Iterator[str]:
    missing = f", {block['missing']} more are missing" if block["missing"] else ""
    yield ""
    yield f"## {block['label']}, {block['split']} split"
    yield ""
    majority = f"{100 * block['majority']:.2f}"
    yield f"{block['pictures']} test pictures{missing}. Always saying the commonest class: {majority}."
    yield ""
    yield f"| {' | '.join(_HEAD)} |"
    yield f"|{'---|' * len(_HEAD)}"
    for row in block["rows"]:
        yield f"| {' | '.join(_cells(row))} |"
    yield ""
    clear = block["clear_differences"]
    if clear:
        yield "Larger than their 95 % interval (paired by picture; each pair by itself, many are compared):"
        yield ""
        for item in clear:
            yield f"- {item['better']} over {item['worse']}: {_points(item['difference'])}"
    else:
        yield "No difference between rows is larger than its 95 % interval."


def _cells(row: Mapping[str, Any]) -> list[str]:
    low, high = row["interval"]
    least, most = min(row["accuracies"]), max(row["accuracies"])
    paper = "" if row["paper"] is None else f"{row['paper']:.2f}"
    difference = row["from_paper"]
    words = ""
    if difference:
        words = _points(difference) + ("" if row["clearly_other_than_paper"] else ", unclear")
    return [
        row["model"],
        row["preset"],
        str(len(row["accuracies"])),
        f"{100 * row['accuracy']:.2f}",
        f"{100 * low:.1f}–{100 * high:.1f}",
        f"{100 * least:.2f}–{100 * most:.2f}",
        f"{row['macro_f1']:.4f}",
        f"{100 * row['balanced_accuracy']:.2f}",
        f"{row['ece']:.4f}",
        paper,
        words,
    ]


def _points(difference: Mapping[str, float]) -> str:
    """+6.1 (3.2 to 9.0): percentage points with their interval."""
    return f"{100 * difference['value']:+.1f} ({100 * difference['low']:.1f} to {100 * difference['high']:.1f})"
