"""Fetching KaoKore from the holders' servers: what is there already is kept, the rest is asked for politely."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dataset.decode import PictureError
from dataset.kaokore.adopt import accept_any, entry_of, write_failures
from dataset.kaokore.folder import BAD, SIDE, THUMBNAIL, KaokoreFolder
from dataset.kaokore.index import Index, Record
from dataset.kaokore.labels import ATTRIBUTION, LICENCE
from dataset.kaokore.plan import Border, hosts_of, job_of, selected
from dataset.web.downloads import Downloads, Job
from dataset.web.exclusive import only_run
from dataset.web.http import Limits, Web, origins_of
from dataset.web.journal import Journal
from dataset.web.manners import Manners
from dataset.web.progress import Progress, minutes
from dataset.web.user_agent import user_agent
from torch_utils.files import sweep

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class FetchOptions:
    """What `fetch` is asked for.

    Attributes:
        raw_urls: ask for v1.3's thumbnails as they are listed.
        replace_thumbnails: fetch pictures again that are there as thumbnails.
        refresh: ask again for all that is there, by ETag where the server gave one.
        moved: {host: base address} to ask instead.
        allowed: further origins that redirects may lead to.
    """

    border: Border = "shift"
    raw_urls: bool = False
    replace_thumbnails: bool = False
    refresh: bool = False
    only: str | None = None
    limit: int | None = None
    contact: str = ""
    moved: Mapping[str, str] = field(default_factory=dict)
    allowed: Sequence[str] = ()
    insecure: bool = False
    manners: Manners = field(default_factory=Manners)
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Fetched:
    """What became of a run: pictures that were there, that came, and reasons why others did not: {name: reason}."""

    kept: int
    fetched: int
    failed: Mapping[str, str]
    fallbacks: Mapping[str, int]
    requests: int


def fetch(index: Index, folder: KaokoreFolder, options: FetchOptions, say: Say) -> Fetched:
    """Fetch what is not there; every picture is in the folder and the journal, or in failed.tsv with its reason.

    Raises:
        ConfigError: nothing selected, or a folder of another version.
        StorageError: disk full, or another run writes into the folder.
    """
    records = selected(index, options.only, options.limit)
    say(f"{ATTRIBUTION}, {LICENCE}. The pictures come from their holders' servers; keep them to yourself.")
    if options.insecure:
        say("warning: TLS certificates are not checked in this run, and the journal says so")
    with only_run(folder.path):
        folder.begin(index)
        sweep(folder.path / BAD)
        journal = Journal(folder.journal)
        jobs = _jobs(records, folder, journal, options)
        say(f"{len(records) - len(jobs)} of {len(records)} pictures are there, {len(jobs)} to fetch")
        try:
            fetched = _run(jobs, folder, journal, options, len(records), say)
        finally:
            journal.close()
            folder.write_hashes()
        write_failures(folder, index, dict(fetched.failed))
    return fetched


def _run(
    jobs: Sequence[Job], folder: KaokoreFolder, journal: Journal, options: FetchOptions, asked: int, say: Say
) -> Fetched:
    web = Web(
        user_agent=user_agent(options.contact),
        origins=[*origins_of(rung.url for job in jobs for rung in job.rungs), *options.allowed],
        moved=options.moved,
        insecure=options.insecure,
        connections=options.manners.in_all,
        limits=options.limits,
    )
    totals = Counter(job.host for job in jobs)
    failed: dict[str, str] = {}
    fallbacks: Counter[str] = Counter()
    with (
        Progress(totals, say) as progress,
        Downloads(jobs, web, options.manners, journal, folder.path / BAD) as running,
    ):
        for outcome in running:
            progress.add(outcome.job.host, outcome.entry is not None)
            if outcome.entry is None:
                failed[outcome.job.name] = outcome.reason
            elif outcome.entry.get("fallback"):
                fallbacks[outcome.entry["fallback"]] += 1
    if jobs:
        say(progress.line())
    return Fetched(asked - len(jobs), len(jobs) - len(failed), failed, fallbacks, running.requests)


def _jobs(records: Sequence[Record], folder: KaokoreFolder, journal: Journal, options: FetchOptions) -> list[Job]:
    jobs = []
    for record in records:
        there = _is_there(record, folder, journal)
        entry = journal.entries.get(record.name, {}) if there else {}
        thumbnail = max(entry.get("width", SIDE), entry.get("height", SIDE)) < SIDE and folder.mode == "official"
        again = options.refresh or (options.replace_thumbnails and thumbnail)
        if not there or again:
            etag = entry.get("etag") if options.refresh else None
            job = job_of(record, folder, options.border, options.raw_urls, etag)
            jobs.append(job if not options.insecure else _marked(job))
    return jobs


def _marked(job: Job) -> Job:
    return Job(**{**job.__dict__, "facts": job.facts | {"insecure": True}})


def _is_there(record: Record, folder: KaokoreFolder, journal: Journal) -> bool:
    """Whether a picture is there as the journal says; one that was killed before its line was written gets it now."""
    try:
        body = folder.picture(record.name).read_bytes()
    except OSError:
        return False
    entry = journal.entries.get(record.name)
    if entry:
        return entry["sha256"] == hashlib.sha256(body).hexdigest()
    try:
        accepted = accept_any(body, record, folder)
    except PictureError:
        return False
    journal.add(entry_of(record, body, accepted, "found"))
    return True


def dry_run_lines(index: Index, folder: KaokoreFolder, options: FetchOptions) -> list[str]:
    """What `fetch` would do, without a request and without writing."""
    records = selected(index, options.only, options.limit)
    missing = [record for record in records if not folder.picture(record.name).exists()]
    manners = options.manners
    lines = [
        f"v{index.version}, {folder.mode} mode: {len(records)} pictures, {len(missing)} of them not in {folder.path}"
    ]
    seconds = 0.0
    for host, count in hosts_of(missing).items():
        own = [record for record in missing if record.address and record.address.host == host]
        job = job_of(own[0], folder, options.border, options.raw_urls)
        seconds = max(seconds, count * manners.interval)
        asked = options.moved.get(host, host)
        lines.append(
            f"{asked}: {count} pictures, {minutes(count * manners.interval)} or more; first {job.rungs[0].url}"
        )
        mended = sum(bool(r.address and r.address.size == THUMBNAIL) for r in own)
        if mended and folder.mode == "official" and not options.raw_urls:
            lines.append(f"  {mended} of them listed as {THUMBNAIL}, asked as {SIDE},{SIDE}")
    polite = f"at most {manners.per_host} at once and one in {manners.interval:g} s a host, {manners.in_all} in all"
    return [*lines, f"{polite}; about {minutes(seconds)}", f"User-Agent: {user_agent(options.contact)}"]


def fetch_lines(found: Fetched, folder: KaokoreFolder, index: Index) -> list[str]:
    """What came of it, for people."""
    there = sum(folder.picture(record.name).exists() for record in index.reachable)
    lines = [f"{found.kept} kept, {found.fetched} fetched, {len(found.failed)} failed, {found.requests} requests"]
    lines += [f"fallback {name}: {count} pictures" for name, count in sorted(found.fallbacks.items())]
    reasons = Counter(found.failed.values())
    lines += [f"failed: {count} pictures: {reason}" for reason, count in reasons.most_common(10)]
    lines.append(f"{folder.path}: {there} of the {len(index.reachable)} pictures of v{index.version} are there")
    return lines
