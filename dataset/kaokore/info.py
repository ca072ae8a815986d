"""What a version of KaoKore holds, from its index alone: counts, classes, hosts, leakage, what to beware of."""

from collections import Counter
from collections.abc import Callable, Sequence

from dataset.kaokore.index import Index, Record
from dataset.kaokore.labels import ATTRIBUTION, LABEL_SETS, LICENCE, REDISTRIBUTION, SPLITS
from dataset.leakage import Crop, leakage, leakage_lines
from dataset.text_table import aligned
from torch_utils.labels import LabelSet

NATIVE_SIDE = 256


def crop_of(record: Record) -> Crop | None:
    """Page, region and book of a record; None where it has no address."""
    return Crop(record.address.page, record.address.region, record.book) if record.address else None


def counts(index: Index) -> dict[str, int]:
    """The figures of a version, by what they count."""
    records, reachable = index.records, index.reachable
    labelled = [record for record in records if record.row]
    figures = {
        "addresses": len(reachable),
        "distinct crops": len({record.address.crop_id for record in reachable if record.address}),
        "lines of urls.txt": index.url_lines,
        "rows of labels.csv": len(labelled),
        "rows without address": sum(not record.address for record in labelled),
        "labelled, with address": sum(bool(record.address) for record in labelled),
        "unlabelled, with address": sum(not record.row for record in reachable),
        "pages": len({record.address.page for record in reachable if record.address}),
        "books": len({record.book for record in records}),
    }
    for split in SPLITS:
        figures[f"{split} rows"] = sum(record.split == split for record in records)
    for split in SPLITS:
        figures[f"{split} rows with address"] = sum(record.split == split for record in reachable)
    return figures


def class_counts(index: Index, label_set: LabelSet, split: str | None = None) -> list[int]:
    """Pictures of each class, in a split or in all."""
    found = Counter(record.label(label_set.name) for record in index.records if split in (None, record.split))
    return [found[place] for place in range(len(label_set.classes))]


def info_lines(indices: Sequence[Index]) -> list[str]:
    """Tables of the versions beside each other, then what each has of its own."""
    table = [["KaoKore", *(f"v{index.version}" for index in indices)]]
    all_counts = [counts(index) for index in indices]
    table += [[what, *(str(figures[what]) for figures in all_counts)] for what in all_counts[0]]
    lines = [*aligned(table, texts=1), "", *_class_table(indices)]
    for index in indices:
        lines += ["", f"v{index.version}", *_hosts(index), *_tag_sets(index), *_leakage(index), *_beware(index)]
    return [*lines, "", f"licence      {LICENCE}", f"attribution  {ATTRIBUTION}", REDISTRIBUTION]


def _class_table(indices: Sequence[Index]) -> list[str]:
    """Rows of labels.csv by split and class."""
    rows = [["split", "class", *(f"v{index.version}" for index in indices)]]
    for split in (*SPLITS, None):
        for label_set in LABEL_SETS:
            for place, name in enumerate(label_set.classes):
                figures = [str(class_counts(index, label_set, split)[place]) for index in indices]
                rows.append([(split or "all") if (label_set, place) == (LABEL_SETS[0], 0) else "", name, *figures])
    return aligned(rows)


def _hosts(index: Index) -> list[str]:
    rows = [["host", "asked as", "pictures", f"sides below {NATIVE_SIDE}", "origin outside"]]
    asked = Counter((record.address.host, record.address.size) for record in index.reachable if record.address)
    for (host, size), count in sorted(asked.items()):
        regions = [r.address.region for r in index.reachable if r.address and r.address.host == host]
        small = sum(min(region.w, region.h) < NATIVE_SIDE for region in regions)
        outside = sum(region.starts_outside for region in regions)
        rows.append([host, size, str(count), str(small), str(outside)])
    return aligned(rows)


def _tag_sets(index: Index) -> list[str]:
    lines = []
    for label_set in index.label_sets[len(LABEL_SETS) :]:
        found = class_counts(index, label_set)
        shown = f"{len(label_set.classes)} of them"
        if len(label_set.classes) < 10:
            shown = ", ".join(f"{name} {count}" for name, count in zip(label_set.classes, found, strict=True))
        lines.append(f"{label_set.name}: {shown}; missing {len(index.records) - sum(found)}")
    return lines


def _leakage(index: Index) -> list[str]:
    reachable = index.reachable
    found = leakage([crop_of(record) for record in reachable], [record.split for record in reachable])
    return leakage_lines(found, [record.name for record in reachable])


WARNINGS: tuple[tuple[Callable[[Index], int], str], ...] = (
    (
        lambda index: sum(not r.address for r in index.records),
        "rows name pictures without an address; fetch --complete takes those of v1.2",
    ),
    (
        lambda index: sum(bool(r.address and r.address.size == "!200,200") for r in index.reachable),
        "addresses ask for !200,200, a thumbnail; fetch asks for 256,256, as v1.2 does (--raw-urls: as listed)",
    ),
    (
        lambda index: len(index.reachable) - len({r.address.crop_id for r in index.reachable if r.address}),
        "crops are listed twice, once by http and once by https",
    ),
)


def _beware(index: Index) -> list[str]:
    found = [(count(index), words) for count, words in WARNINGS]
    return [f"beware: {number} {words}" for number, words in found if number]
