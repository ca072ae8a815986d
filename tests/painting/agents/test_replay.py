"""The replay draws again what it does not store; sittings follow from the seed."""

import torch

from painting.agents.config import AgentConfig
from painting.agents.easel import laid
from painting.agents.faces import Faces
from painting.agents.replay import Replay, dequantised, quantised
from painting.agents.sittings import Sittings
from painting.brushes import BRUSHES
from tests.support.painted import random_strokes

CONFIG = AgentConfig(size=16, steps=4, bundle=2, batch=3)
BRUSH = BRUSHES["bezier"]


def faces(count: int = 10) -> Faces:
    pictures = torch.randint(0, 256, (count, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    return Faces(pictures.to(torch.uint8), pictures[:2].to(torch.uint8), ("a", "b"))


def look(sittings: Sittings, replay: Replay, seed: int) -> torch.Tensor:
    """One look with random strokes; the canvases after it as the sittings keep them, uint8, where none was done."""
    strokes = random_strokes(6, 13, seed=seed).reshape(3, 2, 13)
    replay.add(sittings, strokes)
    after = quantised(laid(BRUSH, strokes, sittings.canvases))
    sittings.go_on(dequantised(after))
    return after


def test_the_canvas_after_a_look_is_drawn_again_exactly():
    sittings, replay = Sittings(CONFIG, faces(), 3), Replay(9)
    stored = torch.cat([look(sittings, replay, seed) for seed in range(3)])
    torch.manual_seed(1)
    looks = replay.draw(200)
    again = quantised(laid(BRUSH, looks.strokes, dequantised(looks.canvases)))
    seen = set()
    for canvas, strokes in zip(again, looks.strokes, strict=True):
        which = next(
            place
            for place in range(9)
            if torch.equal(strokes, random_strokes(6, 13, seed=place // 3).reshape(3, 2, 13)[place % 3])
        )
        assert torch.equal(canvas, stored[which])
        seen.add(which)
    assert seen == set(range(9))


def test_the_oldest_look_makes_room():
    sittings, replay = Sittings(CONFIG, faces(), 3), Replay(4)
    for seed in range(3):
        look(sittings, replay, seed)
    assert len(replay) == 4
    kept = replay.draw(100).strokes[:, 0, 0].unique()
    last = torch.cat([random_strokes(6, 13, seed=seed).reshape(3, 2, 13)[:, 0, 0] for seed in range(3)])[-4:]
    assert torch.equal(kept, last.sort().values)


def test_a_filled_replay_goes_on_where_it_was():
    first, sittings = Replay(4), Sittings(CONFIG, faces(), 3)
    look(sittings, first, 0)
    second = Replay(4)
    second.fill(first.contents(), torch.device("cpu"))
    for seed in (1, 2):
        strokes = random_strokes(6, 13, seed=seed).reshape(3, 2, 13)
        for replay in (first, second):
            replay.add(sittings, strokes)
    drawn = []
    for replay in (first, second):
        torch.manual_seed(3)
        drawn.append(vars(replay.draw(20)).values())
    assert all(torch.equal(a, b) for a, b in zip(*drawn, strict=True))


def test_sittings_are_at_all_stages_and_begin_anew_when_done():
    sittings = Sittings(CONFIG, faces(), 4)
    assert sittings.step.tolist() == [0, 1, 2, 3]
    references = sittings.references.clone()
    done = sittings.go_on(torch.ones(4, 3, 16, 16))
    assert done.tolist() == [False, False, False, True]
    assert sittings.step.tolist() == [1, 2, 3, 0]
    assert (sittings.canvases[:3] == 1).all() and (sittings.canvases[3] == 0).all()
    assert torch.equal(sittings.references[:3], references[:3])


def test_references_follow_from_the_seed_and_are_mirrored_at_times():
    def course(seed: int) -> list[list[int]]:
        config = AgentConfig(size=16, steps=1, batch=6, seed=seed)
        sittings, found = Sittings(config, faces(), 6), []
        for _ in range(5):
            found.append(sittings.which.tolist() + sittings.mirrored.tolist())
            sittings.go_on(sittings.canvases)
        return found

    assert course(0) == course(0) != course(1)
    mirrored = [flag for row in course(0) for flag in row[6:]]
    assert 0 < sum(mirrored) < len(mirrored)
    plain = Sittings(AgentConfig(size=16, steps=1, batch=64, flip=False), faces(), 64)
    assert not plain.mirrored.any()


def test_canvases_are_rounded_to_the_nearest_of_256():
    assert quantised(torch.tensor([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.2])).tolist() == [0, 0, 0, 1, 255, 255]


def test_a_mirrored_reference():
    own = faces()
    plain, turned = own.references(torch.tensor([4, 4]), torch.tensor([False, True]))
    assert torch.equal(turned, plain.flip(2))
    assert torch.equal(plain * 255, own.learnt[4].float())
