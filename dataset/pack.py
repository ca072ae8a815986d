"""Packing: a folder or zip of any pictures becomes an archive of square pictures of one resolution."""

import hashlib
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from dataset.convert import Conversion, convert, cropped_size, encode
from dataset.decode import PictureError, open_header
from dataset.facts import Facts
from dataset.find_facts import facts_of
from dataset.joint import with_joint_set
from dataset.sources import Source, open_source
from dataset.splits import split_by_book
from dataset.writer import Description, write_archive
from torch_utils.errors import ConfigError, DataError
from torch_utils.text import printable

WAITING_PER_THREAD = 4  # pictures decoded ahead of the one being written


@dataclass(frozen=True, kw_only=True)
class PackOptions:
    """What `pack` is asked for; texts given here replace those of the source.

    Attributes:
        label_sets: names of the sets to keep; None keeps all.
        joint: further sets made of pairs, such as gender+status.
        split_seed: of a split by book; None keeps the source's split.
    """

    conversion: Conversion
    main_set: str | None = None
    label_sets: Sequence[str] | None = None
    joint: Sequence[str] = ()
    force_joint: bool = False
    split_seed: int | None = None
    skip_bad: bool = False
    allow_upscale: bool = False
    source: str = ""
    licence: str = ""
    attribution: str = ""


@dataclass(frozen=True)
class Encoded:
    """A finished picture: compressed bytes and the SHA-256 of its pixels."""

    data: bytes
    pixel_digest: bytes


@dataclass(frozen=True)
class Unreadable:
    """A picture that could not be used, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"{printable(self.name)}: {self.reason}"


def pack(source: Path | str, out: Path | str, options: PackOptions, say: Callable[[str], None]) -> int:
    """Pack the pictures of a folder, a zip or a KaoKore download into `out`; the number packed.

    Args:
        say: takes the notes and warnings, a line each.
    Raises:
        DataError: no pictures, labels of the wrong form, pictures that are unreadable, too small or not square.
        ConfigError: no such label set, or `out` is the source.
        StorageError: `out` could not be written; nothing is left of it then.
    """
    if Path(source).resolve() == Path(out).resolve():
        raise ConfigError(f"--out {out}: is the source itself. Choose another name.")
    with open_source(source) as opened:
        facts = _as_asked(_with_texts(facts_of(opened), options), options)
        main_set = _main_set(facts, options.main_set)
        for note in facts.notes:
            say(note)
        _check_sizes(opened, facts, options, say)
        with write_archive(out, options.conversion.extension) as writer:
            packed, unreadable = [], []
            for name, result in _convert_all(opened, facts.pictures, options.conversion):
                if isinstance(result, Unreadable):
                    unreadable.append(result)
                    continue
                writer.add(result.data, result.pixel_digest)
                packed.append(name)
            _report_unreadable(opened, unreadable, len(facts.pictures), options, say)
            if not writer.finish(_describe(facts, packed, main_set)) and main_set:
                say(_gap_note(facts, packed, main_set))
    return len(packed)


def _with_texts(facts: Facts, options: PackOptions) -> Facts:
    return replace(
        facts,
        source=options.source or facts.source,
        licence=options.licence or facts.licence,
        attribution=options.attribution or facts.attribution,
    )


def _as_asked(facts: Facts, options: PackOptions) -> Facts:
    """Facts with the label sets and the split that were asked for."""
    for joint in options.joint:
        facts = with_joint_set(facts, joint, force=options.force_joint)
    if options.label_sets is not None:
        for name in options.label_sets:
            _main_set(facts, name, "--sets")
        kept = {*options.label_sets, *options.joint}
        facts = replace(facts, label_sets=tuple(s for s in facts.label_sets if s.name in kept))
    if options.split_seed is not None:
        if not facts.books:
            raise ConfigError(
                "--split-by book: the source says of no picture which book it is from. Use a folder that "
                "dataset_tool.py kaokore fetch or adopt made."
            )
        with_split = {name: facts.books[name] for name in facts.split_classes if name in facts.books}
        splits = split_by_book(with_split, facts.split_classes, options.split_seed)
        absent = {name: split for name, split in splits.items() if name not in set(facts.pictures)}
        by_split = {split: tuple(n for n in absent if absent[n] == split) for split in sorted(set(absent.values()))}
        facts = replace(facts, splits=splits, lacking=dict(Counter(absent.values())), lacking_names=by_split)
    return facts


def _main_set(facts: Facts, wanted: str | None, option: str = "--labels") -> str | None:
    """The set for the key `labels`: the one asked for, else the only one there is."""
    names = [label_set.name for label_set in facts.label_sets]
    if wanted and wanted not in names:
        there = f"Use one of: {', '.join(names)}." if names else f"The source has no labels; leave {option} out."
        raise ConfigError(f"{option} {wanted}: no such label set. {there}")
    return wanted or (names[0] if len(names) == 1 else None)


def _check_sizes(source: Source, facts: Facts, options: PackOptions, say: Callable[[str], None]) -> None:
    """Look at all headers before any work: too small or oblong pictures, files of several pictures."""
    small, oblong, several = [], [], []
    conversion = options.conversion
    for name in facts.pictures:
        try:
            with source.stream(name) as stream:
                picture = open_header(stream)
                frames = getattr(picture, "n_frames", 1)
        except (PictureError, DataError, OSError, SyntaxError, ValueError, LookupError):
            continue  # told with its reason when its turn to be converted comes
        shown = f"{printable(name)}, {picture.width}×{picture.height}"
        if max(cropped_size(*picture.size, conversion.crop)) < conversion.resolution:
            small.append(shown)
        if picture.width != picture.height:
            oblong.append(shown)
        if frames > 1:
            several.append(printable(name))
    count = len(facts.pictures)
    if oblong and conversion.crop == "none":
        raise DataError(
            f"{source.path}: {len(oblong)} of {count} pictures are not square (first: {oblong[0]}). "
            "Use --crop center, wide or pad."
        )
    if small and not options.allow_upscale:
        raise DataError(
            f"{source.path}: {len(small)} of {count} pictures are smaller than {conversion.resolution} pixels "
            f"(first: {small[0]}). Choose a smaller --resolution or add --allow-upscale."
        )
    if small:
        say(f"{len(small)} of {count} pictures are enlarged (first: {small[0]})")
    if several:
        say(f"{len(several)} files hold several pictures; the first of each is taken (first: {several[0]})")


def _convert_all(
    source: Source, names: Sequence[str], conversion: Conversion
) -> Iterator[tuple[str, Encoded | Unreadable]]:
    """Convert in threads (Pillow works without the interpreter lock) and give the results in the order of the names."""
    threads = min(8, os.cpu_count() or 1)
    waiting: deque[tuple[str, Future[Encoded | Unreadable]]] = deque()
    bar = tqdm(total=len(names), unit="pictures", disable=not sys.stderr.isatty(), leave=False)
    with bar, ThreadPoolExecutor(threads) as pool:
        for name in names:
            waiting.append((name, pool.submit(_convert_one, source, name, conversion)))
            if len(waiting) > WAITING_PER_THREAD * threads:
                yield _next(waiting, bar)
        while waiting:
            yield _next(waiting, bar)


def _next(waiting: deque[tuple[str, Future[Encoded | Unreadable]]], bar: tqdm) -> tuple[str, Encoded | Unreadable]:
    name, future = waiting.popleft()
    result = future.result()
    bar.update()
    return name, result


def _convert_one(source: Source, name: str, conversion: Conversion) -> Encoded | Unreadable:
    try:
        picture = convert(source.read(name), conversion)
    except (PictureError, DataError) as error:
        return Unreadable(name, str(error))
    except OSError as error:
        return Unreadable(name, f"cannot be read ({error.strerror or error})")
    return Encoded(encode(picture, conversion), hashlib.sha256(picture.tobytes()).digest())


def _report_unreadable(
    source: Source, unreadable: Sequence[Unreadable], count: int, options: PackOptions, say: Callable[[str], None]
) -> None:
    for bad in unreadable:
        say(f"unreadable: {bad}")
    if len(unreadable) == count:
        raise DataError(
            f"{source.path}: none of the {count} pictures can be read (first: {unreadable[0]}). Check them."
        )
    if unreadable and not options.skip_bad:
        raise DataError(
            f"{source.path}: {len(unreadable)} of {count} pictures cannot be read (first: {unreadable[0]}). "
            "Mend or remove them, or add --skip-bad."
        )


def _describe(facts: Facts, packed: Sequence[str], main_set: str | None) -> Description:
    return Description(
        label_sets=facts.label_sets,
        labels={s.name: [facts.labels[s.name].get(name) for name in packed] for s in facts.label_sets},
        splits=[facts.splits.get(name) for name in packed],
        original_names=[printable(facts.originals.get(name, name)) for name in packed],
        crops=[facts.crops.get(name) for name in packed],
        lacking=facts.lacking,
        lacking_names=facts.lacking_names,
        main_set=main_set,
        source=facts.source,
        licence=facts.licence,
        attribution=facts.attribution,
        redistribution=facts.redistribution,
    )


def _gap_note(facts: Facts, packed: Sequence[str], main_set: str) -> str:
    gaps = sum(name not in facts.labels[main_set] for name in packed)
    return (
        f"{main_set}: {gaps} of {len(packed)} pictures have no label, so the key 'labels' that other trainers read is "
        "null; ours read label_sets, which holds all labels and the gaps"
    )
