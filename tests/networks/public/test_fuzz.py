"""Damaged checkpoints: each is refused in one line or loads, and none crashes or hangs."""

import random
import time
from pathlib import Path

import pytest

from networks.public.importing import read_public
from networks.snapshot import fill
from tests.support.public_files import (
    augment_pipe,
    network_pickle,
    pickled,
    rosinality_state,
    saved_by_torch,
    tiny_generator,
)
from torch_utils.errors import UserError

SECONDS = 20  # far above what any takes


def flip(content: bytearray, draw: random.Random) -> None:
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)


def overwrite(content: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(content))
    content[start : start + draw.randrange(1, 64)] = draw.randbytes(draw.randrange(64))


def cut(content: bytearray, draw: random.Random) -> None:
    del content[draw.randrange(len(content)) :]


def double(content: bytearray, draw: random.Random) -> None:
    start = draw.randrange(len(content))
    content[start:start] = content[start : start + draw.randrange(1, 2000)]


def move(content: bytearray, draw: random.Random) -> None:
    start, to, length = draw.randrange(len(content)), draw.randrange(len(content)), draw.randrange(1, 40)
    content[to : to + length] = content[start : start + length]


def instruct(content: bytearray, draw: random.Random) -> None:
    """Another instruction at a place that is likely to hold one."""
    places = [place for place in range(len(content) - 1) if content[place] in b"qhK\x94(}]u"]
    content[draw.choice(places)] = draw.choice(b"0123(.)}]RbcQ\x93\x94\x85\x86\x87Nus\x90\x91h")


CHANGES = (flip, flip, overwrite, cut, double, move, instruct)


def sources() -> dict[str, bytes]:
    held = network_pickle(3, augment_pipe=augment_pipe(0.4))
    network = tiny_generator()
    average = {"g_ema": rosinality_state(network), "latent_avg": network.mapping.w_mean}
    return {
        "four.pkl": pickled(held, 4),
        "two.pkl": pickled(held, 2),
        "zip.pt": saved_by_torch(average),
        "old.pt": saved_by_torch(average, as_zip=False),
    }


def fuzz(folder: Path, rounds: int, seed: int) -> tuple[int, int]:
    """How many of the damaged files were refused, and how many loaded."""
    draw, refused, loaded = random.Random(seed), 0, 0
    good = sources()
    for number in range(rounds):
        name = draw.choice(list(good))
        content, change = bytearray(good[name]), draw.choice(CHANGES)
        for _ in range(draw.choice((1, 1, 1, 3))):
            if content:
                change(content, draw)
        (folder / name).write_bytes(content)
        began = time.monotonic()
        try:
            imported = read_public(folder / name)
            fill(imported.info.generator.build(imported.info.image_spec), imported.parts["ema"], folder / name)
            loaded += 1
        except UserError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 500 + len(str(folder))
            refused += 1
        assert time.monotonic() - began < SECONDS, (number, change.__name__)
    return refused, loaded


def test_a_damaged_checkpoint_is_refused_in_one_line_or_loads(tmp_path):
    refused, loaded = fuzz(tmp_path, 150, seed=1)
    assert refused > 50
    assert loaded > 0


@pytest.mark.slow
def test_ten_thousand_damaged_checkpoints_never_crash_or_hang(tmp_path):
    refused, loaded = fuzz(tmp_path, 10_000, seed=2)
    assert refused + loaded == 10_000
    assert refused > 3000
