import io
import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dataset.kaokore.fetch import Fetched, FetchOptions, dry_run_lines, fetch
from dataset.kaokore.folder import KaokoreFolder, Mode
from dataset.kaokore.index import Index
from dataset.kaokore.verify import verify
from dataset.web.http import Limits
from dataset.web.manners import Manners
from tests.support.drawn_kaokore import CODH, HOSTS, KEIO, drawn_index, lines_of, write_index
from tests.support.fake_iiif import FINAL, HARMLESS, PASSING, Server, Style, picture, serve
from torch_utils.errors import ConfigError, StorageError

QUICK = Manners(interval=0.0, slowest=0.01, first_wait=0.01, max_wait=0.05, pause=0.05, patience=1000)
LIMITS = Limits(most_bytes=1 << 20, most_seconds=1.0)


def options(server: Server, **changed: Any) -> FetchOptions:
    moved = {host: server.base(host) for host in HOSTS}
    return replace(FetchOptions(moved=moved, manners=QUICK, limits=LIMITS), **changed)


def fetched(
    server: Server, dest: Path, index: Index | None = None, mode: Mode = "official", **changed: Any
) -> tuple[Fetched, list[str]]:
    index = index or drawn_index()
    said: list[str] = []
    result = fetch(index, KaokoreFolder(dest, index.version, mode, True), options(server, **changed), said.append)
    return result, said


def journal(dest: Path) -> dict[str, dict[str, Any]]:
    entries = [json.loads(line) for line in (dest / "manifest.jsonl").read_text().splitlines()]
    return {entry["name"]: entry for entry in entries}


def only(fault: str, times: int = 1_000_000, host: str = CODH) -> Callable[[str, str, int], str]:
    """The fault for the first requests of each address of one host."""
    return lambda asked, path, before: fault if asked == host and before < times else ""


def test_everything_is_fetched_as_the_servers_send_it(tmp_path: Path) -> None:
    index = drawn_index()
    with serve() as server:
        result, _ = fetched(server, tmp_path / "out", index)
        assert (result.kept, result.fetched, result.failed, result.requests) == (0, 23, {}, 23)
        for record in index.reachable:
            assert record.address
            path = str(record.address).split(record.address.host + "/")[1]
            body, _ = picture(path, server.style)
            assert (tmp_path / "out" / "images_256" / record.name).read_bytes() == body
    assert verify(tmp_path / "out").status == 0
    assert (tmp_path / "out" / "failed.tsv").read_text().count("\n") == 1


def test_the_journal_says_where_each_picture_is_from(tmp_path: Path) -> None:
    index = drawn_index()
    with serve() as server:
        fetched(server, tmp_path / "out", index)
    entry = journal(tmp_path / "out")["00000001.jpg"]
    address = index.by_name["00000001.jpg"].address
    assert address
    assert (entry["url"], entry["crop_id"], entry["status"]) == (str(address), address.crop_id, "fetched")
    assert (entry["width"], entry["height"], entry["format"], entry["fallback"]) == (256, 256, "JPEG", None)
    assert re.fullmatch("[0-9a-f]{64}", entry["sha256"])


def test_nothing_is_asked_for_twice(tmp_path: Path) -> None:
    with serve() as server:
        fetched(server, tmp_path / "out")
        asked = len(server.log)
        result, said = fetched(server, tmp_path / "out")
        assert len(server.log) == asked
    assert (result.kept, result.fetched, result.requests) == (23, 0, 0)
    assert "23 of 23 pictures are there, 0 to fetch" in said


def test_a_changed_file_and_a_lost_one_are_fetched_again(tmp_path: Path) -> None:
    with serve() as server:
        fetched(server, tmp_path / "out")
        images = tmp_path / "out" / "images_256"
        (images / "00000001.jpg").write_bytes(b"rubbish")
        (images / "00000002.jpg").unlink()
        result, _ = fetched(server, tmp_path / "out")
    assert (result.kept, result.fetched) == (21, 2)
    assert verify(tmp_path / "out").status == 0


def test_a_file_killed_before_its_line_was_written_is_kept(tmp_path: Path) -> None:
    with serve() as server:
        fetched(server, tmp_path / "out")
        path = tmp_path / "out" / "manifest.jsonl"
        lines = path.read_text().splitlines(True)
        path.write_text("".join(lines[:10]) + lines[10][:30])
        result, _ = fetched(server, tmp_path / "out")
        assert (result.kept, len(server.log)) == (23, 23)
    assert len(journal_lines := [line for line in path.read_text().splitlines() if line.endswith("}")]) == 23
    assert sum('"found"' in line for line in journal_lines) == 13
    assert verify(tmp_path / "out").status == 0


@pytest.mark.parametrize("fault", PASSING)
def test_a_passing_fault_is_tried_again(tmp_path: Path, fault: str) -> None:
    with serve(only(fault, times=2)) as server:
        result, _ = fetched(server, tmp_path / "out", only=CODH)
    assert (result.fetched, result.failed) == (8, {})
    assert result.requests == 24
    assert {entry["attempts"] for entry in journal(tmp_path / "out").values()} == {3}
    assert not list((tmp_path / "out" / "bad").glob("*"))  # what was bad before is not kept once it is good


@pytest.mark.parametrize("fault", PASSING)
def test_a_fault_that_does_not_pass_is_told(tmp_path: Path, fault: str) -> None:
    with serve(only(fault)) as server:
        result, _ = fetched(server, tmp_path / "out", only="0-3")
    assert (result.fetched, sorted(result.failed)) == (2, ["00000000.jpg", "00000003.jpg"])
    rows = (tmp_path / "out" / "failed.tsv").read_text()
    assert all("tries: 5" in reason for reason in result.failed.values())
    assert f"00000000.jpg\t{CODH}\t" in rows
    assert result.failed["00000000.jpg"] in rows
    assert verify(tmp_path / "out").status == 3


@pytest.mark.parametrize("fault", FINAL)
def test_a_final_answer_is_not_asked_for_again(tmp_path: Path, fault: str) -> None:
    with serve(only(fault)) as server:
        result, _ = fetched(server, tmp_path / "out", only="0-0")
    asked_once = 6 if fault == "redirect loop" else 4 if fault == "404" else 1  # 404 climbs down the rungs
    assert list(result.failed) == ["00000000.jpg"]
    assert len(server.log) == asked_once


@pytest.mark.parametrize("fault", HARMLESS)
def test_unusual_but_whole_pictures_are_taken_as_they_are(tmp_path: Path, fault: str) -> None:
    with serve(only(fault)) as server:
        result, _ = fetched(server, tmp_path / "out", only=CODH)
    assert (result.fetched, result.failed) == (8, {})
    assert verify(tmp_path / "out").damaged == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("redirect to loopback", "leads to http://127.0.0.1:9, which is not among the allowed hosts"),
        ("redirect to a file", "leads to file://"),
        ("redirect elsewhere", "leads to https://example.invalid, which is not"),
        ("redirect loop", "more than 5 redirects"),
        ("ten gigabytes", "announces more than 1 MiB"),
        ("endless", "sends more than 1 MiB"),
        ("drip", "took more than 1 s"),
        ("gzip", "sent as gzip"),
    ],
)
def test_limits_hold_whatever_a_server_does(tmp_path: Path, fault: str, words: str) -> None:
    start = time.monotonic()
    with serve(only(fault)) as server:
        result, _ = fetched(server, tmp_path / "out", only="0-0", manners=replace(QUICK, attempts=2))
    assert words in result.failed["00000000.jpg"]
    assert time.monotonic() - start < 8
    assert not list((tmp_path / "out" / "images_256").iterdir())


def test_a_picture_of_another_size_is_set_aside_and_made_from_the_crop(tmp_path: Path) -> None:
    def small(host: str, path: str, before: int) -> str:
        return "200 pixels" if "256,256" in path else ""

    with serve(small) as server:
        result, _ = fetched(server, tmp_path / "out", only="0-0")
    assert result.fallbacks == {"native max": 1} or result.fallbacks == {"native full": 1}
    assert verify(tmp_path / "out").damaged == []
    with Image.open(tmp_path / "out" / "images_256" / "00000000.jpg") as shown:
        assert shown.size == (256, 256)


def test_a_server_that_no_longer_enlarges_unasked_is_asked_by_version_3(tmp_path: Path) -> None:
    with serve(style=Style(version=3)) as server:
        result, _ = fetched(server, tmp_path / "out")
    assert result.fetched == 23
    assert set(result.fallbacks) == {"^256,256"}
    assert verify(tmp_path / "out").status == 0


def test_a_server_that_enlarges_nothing_gives_the_crop_which_is_resized_here(tmp_path: Path) -> None:
    with serve(style=Style(version=3, enlarges=False)) as server:
        result, _ = fetched(server, tmp_path / "out", only="0-11")
    assert set(result.fallbacks) == {"native max"}
    assert verify(tmp_path / "out").damaged == []
    entry = journal(tmp_path / "out")["00000000.jpg"]
    assert (entry["fallback"], entry["width"], entry["height"]) == ("native max", 256, 256)


@pytest.mark.parametrize("negative", ["refuse", "shift", "crop"])
@pytest.mark.parametrize("border", ["shift", "crop", "pad"])
def test_an_origin_outside_the_page_is_asked_as_listed_and_then_moved(
    tmp_path: Path, negative: Any, border: Any
) -> None:
    with serve(style=Style(negative=negative)) as server:
        result, _ = fetched(server, tmp_path / "out", only="7-7", border=border)
    assert result.failed == {}
    regions = [re.search(r"tif/(-?\d+),", request.path) for request in server.log]
    assert regions[0] and regions[0][1] == "-4"
    if negative == "refuse":
        assert result.fallbacks == {{"shift": "shift", "crop": "crop", "pad": "pad, max"}[border]: 1}
    else:
        assert result.fallbacks == {}
    with Image.open(tmp_path / "out" / "images_256" / "00000007.jpg") as shown:
        assert shown.size == (256, 256)


def test_padding_repeats_the_edge_of_the_page(tmp_path: Path) -> None:
    with serve(style=Style(negative="refuse")) as server:
        fetched(server, tmp_path / "out", only="7-7", border="pad")
    region = drawn_index().by_name["00000007.jpg"].address.region  # type: ignore[union-attr]
    with Image.open(tmp_path / "out" / "images_256" / "00000007.jpg") as picture:
        shown = np.asarray(picture).astype(int)
    outside = round(4 * 256 / region.w)
    assert np.abs(shown[:, : outside - 1] - shown[:, :1]).mean() < 4
    assert np.abs(shown[:, -1] - shown[:, 0]).mean() > 4


def test_native_mode_keeps_the_crop_as_it_is(tmp_path: Path) -> None:
    index = drawn_index()
    with serve(style=Style(version=3)) as server:
        result, _ = fetched(server, tmp_path / "out", index, mode="native")
    assert result.fetched == 23
    for record in index.reachable:
        assert record.address
        with Image.open(tmp_path / "out" / "images_native" / record.name) as picture:
            assert picture.size == (record.address.region.w, record.address.region.h)
    assert verify(tmp_path / "out").status == 0


def test_thumbnails_are_asked_for_whole_unless_wanted_as_listed(tmp_path: Path) -> None:
    index = drawn_index(size="!200,200")
    with serve() as server:
        fetched(server, tmp_path / "mended", index)
        fetched(server, tmp_path / "raw", index, raw_urls=True)
    entry = journal(tmp_path / "mended")["00000001.jpg"]
    assert (entry["width"], entry["repair"]) == (256, "!200,200 → 256,256")
    assert journal(tmp_path / "raw")["00000001.jpg"]["width"] == 200
    assert verify(tmp_path / "raw").status == verify(tmp_path / "mended").status == 0


def test_thumbnails_that_are_there_are_kept_unless_they_are_to_be_replaced(tmp_path: Path) -> None:
    index = drawn_index(size="!200,200")
    with serve() as server:
        fetched(server, tmp_path / "out", index, raw_urls=True)
        assert fetched(server, tmp_path / "out", index)[0].kept == 23
        assert fetched(server, tmp_path / "out", index, replace_thumbnails=True)[0].fetched == 23
    assert {entry["width"] for entry in journal(tmp_path / "out").values()} == {256}


def test_refreshing_asks_by_etag_and_keeps_what_has_not_changed(tmp_path: Path) -> None:
    with serve() as server:
        fetched(server, tmp_path / "out")
        lines = (tmp_path / "out" / "manifest.jsonl").read_text()
        fetched(server, tmp_path / "out", refresh=True)
        assert [request.status for request in server.log[23:]] == [304] * 23
    assert (tmp_path / "out" / "manifest.jsonl").read_text() == lines


def test_one_host_never_gets_more_than_its_share_nor_too_fast(tmp_path: Path) -> None:
    manners = replace(QUICK, interval=0.05, per_host=2, in_all=4)
    with serve(delay=0.12) as server:
        fetched(server, tmp_path / "out", manners=manners)
    for host in HOSTS:
        log = server.of(host)
        assert max(request.at_once for request in log) == 2  # as many as allowed, and no more
        starts = [request.start for request in log]
        gaps = [later - earlier for earlier, later in pairwise(starts)]
        assert min(gaps) > 0.05 - 0.02  # seen from the server: a request may be a little late, the next one not
    events = sorted([(r.start, 1) for r in server.log] + [(r.end, -1) for r in server.log])
    in_work = np.cumsum([change for _, change in events])
    assert in_work.max() <= 4


def test_a_host_that_says_it_is_overloaded_is_asked_more_slowly(tmp_path: Path) -> None:
    with serve(only("429", times=1)) as server:
        fetched(server, tmp_path / "out", manners=replace(QUICK, interval=0.02, slowest=0.2))
    starts = [request.start for request in server.of(CODH)]
    assert min(b - a for a, b in pairwise(starts[4:])) > 0.1
    others = [request.start for request in server.of(KEIO)]
    assert max(others) - min(others) < max(starts) - min(starts)


def test_retry_after_is_obeyed_but_capped(tmp_path: Path) -> None:
    def wait_once(host: str, path: str, before: int) -> str:
        return "429 seconds" if before == 0 and path.endswith("1/10,20,60,60/256,256/0/default.jpg") else ""

    def a_day(host: str, path: str, before: int) -> str:
        return "503 a day" if before < 1 else ""

    with serve(lambda host, path, before: "429 seconds" if before < 1 else "") as server:
        fetched(server, tmp_path / "a", only="0-0", manners=replace(QUICK, max_wait=5.0))
        first, second = server.log
        assert 0.95 < second.start - first.start < 3
    with serve(a_day) as server:
        result, _ = fetched(server, tmp_path / "b", only="0-0", manners=replace(QUICK, max_wait=0.2))
        assert result.fetched == 1


def test_a_host_that_fails_on_and_on_is_left_alone_and_the_others_are_not(tmp_path: Path) -> None:
    manners = replace(QUICK, patience=3, pauses=1)
    with serve(only("500")) as server:
        result, _ = fetched(server, tmp_path / "out", manners=manners)
        assert len(server.of(CODH)) <= 8
    assert len(result.failed) == 8
    assert result.fetched == 15
    assert sum("it is left alone" in reason for reason in result.failed.values()) >= 6


def test_the_number_of_requests_can_be_limited(tmp_path: Path) -> None:
    with serve() as server:
        result, _ = fetched(server, tmp_path / "out", manners=replace(QUICK, max_requests=10))
        assert len(server.log) == 10
    assert (result.fetched, len(result.failed)) == (10, 13)
    assert "the 10 requests of --max-requests are used up" in result.failed.popitem()[1]  # type: ignore[attr-defined]


def test_the_user_agent_says_who_asks(tmp_path: Path) -> None:
    with serve() as server:
        fetched(server, tmp_path / "out", only="0-0", contact="mailto:me@example.org")
    assert re.fullmatch(r"kaokore-stylegan/\S+ \(.*; mailto:me@example\.org\)", server.log[0].agent)


@pytest.mark.parametrize(
    ("which", "count"), [("train", 13), ("labelled", 21), ("unlabelled", 2), ("2-4", 3), ("keio", 8), (CODH, 8)]
)
def test_a_part_can_be_fetched(tmp_path: Path, which: str, count: int) -> None:
    with serve() as server:
        result, _ = fetched(server, tmp_path / "out", only=which)
    assert result.fetched == count
    assert verify(tmp_path / "out").status == 3


def test_selecting_nothing_is_refused(tmp_path: Path) -> None:
    with (
        serve() as server,
        pytest.raises(ConfigError, match=r"--only valid: selects no picture\. Use one of train, dev"),
    ):
        fetched(server, tmp_path / "out", only="valid")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_asks_nobody_and_writes_nothing(tmp_path: Path) -> None:
    index = drawn_index(size="!200,200")
    with serve() as server:
        folder = KaokoreFolder(tmp_path / "out", "1.3", "official", True)
        text = "\n".join(dry_run_lines(index, folder, options(server, manners=Manners())))
        assert server.log == []
    assert "23 pictures, 23 of them not in" in text
    assert "8 of them listed as !200,200, asked as 256,256" in text
    assert "at most 2 at once and one in 0.5 s a host" in text
    assert not (tmp_path / "out").exists()


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    index = drawn_index(lines_of(200, hole=None))
    with serve() as server, pytest.raises(StorageError, match="no space left"):
        fetched(server, small_disk / "out", index)
    assert not [path for path in (small_disk / "out").rglob("*") if ".tmp-" in path.name]
    images = list((small_disk / "out" / "images_256").iterdir())
    assert images
    for path in images:
        with Image.open(path) as picture:
            picture.load()


def command(server: Server, clone: Path, dest: Path, *more: object) -> list[str]:
    root = Path(__file__).parents[3]
    moved = [part for host in HOSTS for part in ("--base-url-map", f"{host}={server.base(host)}")]
    words = [
        "kaokore",
        "fetch",
        "--version",
        "1.3",
        "--source",
        clone,
        "--allow-unpinned",
        "--dest",
        dest,
        *moved,
        *more,
    ]
    return [sys.executable, str(root / "dataset_tool.py"), *map(str, words)]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    clone = write_index(tmp_path / "clone", lines=lines_of(120, hole=None))
    dest = tmp_path / "out"
    with serve() as server:
        slowly = command(server, clone, dest, "--interval", 0.1)
        process = subprocess.Popen(slowly, stdout=subprocess.DEVNULL)
        wait_for(lambda: len(server.log) >= 20)
        process.send_signal(signal.SIGKILL)
        process.wait()
        there = {path.name for path in (dest / "images_256").glob("*.jpg")}
        assert 10 < len(there) < 120
        asked = len(server.log)
        again = subprocess.run(
            command(server, clone, dest, "--interval", 0), capture_output=True, text=True, timeout=120, check=False
        )
        assert again.returncode == 0, again.stderr
        times = Counter(request.path for request in server.log)
        twice = [path for path, count in times.items() if count > 1]
        assert len(server.log) - asked == 120 - len(there)  # what was there was not asked for again
        assert len(twice) <= asked - len(there)  # only what was on its way when the kill came
    assert f"{len(there)} of 120 pictures are there, {120 - len(there)} to fetch" in again.stdout
    assert not [path for path in dest.rglob("*") if ".tmp-" in path.name]
    assert verify(dest).status == 0


def test_an_interrupted_run_ends_with_130_and_nothing_half_written(tmp_path: Path) -> None:
    clone = write_index(tmp_path / "clone", lines=lines_of(60))
    dest = tmp_path / "out"
    with serve() as server:
        process = subprocess.Popen(
            command(server, clone, dest, "--interval", 0.2),
            stderr=subprocess.PIPE,
            text=True,
            # A shell's background jobs ignore SIGINT, and so would this one.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        wait_for(lambda: len(server.log) >= 6)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30)[1].strip() == "interrupted"
        assert process.returncode == 130
    found = verify(dest)
    assert found.status == 3
    assert found.damaged == []


def test_the_command_says_what_came_of_it(tmp_path: Path) -> None:
    clone = write_index(tmp_path / "clone")
    with serve(only("403")) as server:
        words = ("--interval", 0, "--contact", "me@example.org")
        result = subprocess.run(
            command(server, clone, tmp_path / "out", *words), capture_output=True, text=True, timeout=120, check=False
        )
    assert result.returncode == 3
    assert "15 fetched, 8 failed, 23 requests" in result.stdout
    assert "failed: 8 pictures: status 403 (tries: 1)" in result.stdout
    assert "doi:10.20676/00000353, CC BY-SA 4.0" in result.stdout
    assert "15 of the 23 pictures of v1.3 are there" in result.stdout


@pytest.mark.slow
def test_a_thousand_faults_leave_nothing_silently_wrong(tmp_path: Path) -> None:
    lines = lines_of(600, hole=None)
    index = drawn_index(lines)
    kinds = [*PASSING, *HARMLESS, *FINAL, "200 pixels", "endless", "ten gigabytes", "400", "501"]
    kinds = [kind for kind in kinds if kind not in ("429 seconds", "429 date")]
    injected: Counter[str] = Counter()
    draw = np.random.default_rng(6)
    plan: dict[tuple[str, str], list[str]] = {}

    def faults(host: str, path: str, before: int) -> str:
        if (host, path) not in plan:
            count = int(draw.integers(0, 5))
            plan[host, path] = [str(kind) for kind in draw.choice(kinds, count)]
        mine = plan[host, path]
        if before < len(mine):
            injected[mine[before]] += 1
            return mine[before]
        return ""

    manners = replace(QUICK, per_host=3, attempts=6, patience=10_000)
    with serve(faults) as server:
        for _ in range(6):
            result, _ = fetched(server, tmp_path / "out", index, manners=manners)
            rows = (tmp_path / "out" / "failed.tsv").read_text().splitlines()[1:]
            there = {path.name for path in (tmp_path / "out" / "images_256").iterdir()}
            assert {row.split("\t")[0] for row in rows} == set(index.by_name) - there == set(result.failed)
            assert all(row.split("\t")[3] for row in rows)
            found = verify(tmp_path / "out")
            assert found.damaged == []
            assert found.status == (3 if result.failed else 0)
            if not result.failed:
                break
        assert injected.total() >= 1000
        assert set(injected) == set(kinds)
        entries = journal(tmp_path / "out")
        for record in index.reachable:
            assert record.address
            path = str(record.address).split(record.address.host + "/")[1]
            original = pixels(picture(path, server.style)[0])
            shown = pixels((tmp_path / "out" / "images_256" / record.name).read_bytes())
            difference = np.abs(shown - original).mean()
            assert difference < 6, (record.name, entries[record.name], difference)
    assert result.failed == {}


def pixels(body: bytes) -> np.ndarray:
    """The lightness of a file's pixels, which grey and palette pictures keep: int [H, W]."""
    return np.asarray(Image.open(io.BytesIO(body)).convert("RGB").convert("L")).astype(int)
