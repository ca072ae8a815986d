"""Content losses by features: Nakano's objective, what `--content` takes, and what it refuses."""

from urllib.error import URLError

import pytest
import torch
from torch.testing import assert_close
from torchvision.models import _api

from classification.models import build
from painting.content import FeatureContent, content_named
from painting.jitter import jittered
from painting.objective import CONTENTS, pyramid
from painting.optimise import Painter, Plan
from tests.support.painted import WHITE, drawn_face
from tests.support.tiny_classifier import NAME, write_tiny
from torch_utils.errors import UserError

QUICK = Plan(brush="pencil", strokes=12, blocks=3, stages=((1.0, 1.0, 5),), finishing=5)


def halves(pictures):
    """A stand-in for a network: maps of half the size."""
    return torch.nn.functional.avg_pool2d(pictures, 2)


def content(seed: int = 0, weight: float = 0.0) -> FeatureContent:
    return FeatureContent(halves, torch.Generator().manual_seed(seed), weight)


def canvases(count: int, seed: int = 0):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return write_tiny(tmp_path_factory.mktemp("classifier") / "tiny.safetensors")


def test_it_is_the_difference_of_features_under_one_view_as_a_share_of_the_references():
    canvas, reference = canvases(2)
    found = content(5)(canvas[None], reference, 1.0)
    draws = torch.Generator().manual_seed(5)
    wanted, got = halves(jittered(torch.stack([reference, canvas]), draws))
    assert_close(found, ((got - wanted).abs().mean() / wanted.abs().mean())[None])


def test_the_reference_itself_costs_nothing():
    reference = canvases(1)
    assert_close(content()(reference, reference[0], 1.0), torch.zeros(1))


def test_one_earlier_canvas_stands_for_all():
    painted = canvases(4).requires_grad_()
    losses = content()(painted, canvases(1, seed=9)[0], 1.0)
    assert len(set(losses[:3].tolist())) == 1
    assert losses[3] != losses[0]
    losses.sum().backward()
    assert painted.grad is not None
    reached = painted.grad.abs().amax((1, 2, 3)) > 0
    assert reached[3]
    assert reached[:3].sum() == 1


def test_the_pyramid_counts_by_its_weight():
    painted, reference = canvases(3), canvases(1, seed=9)[0]
    more = content(1, weight=2.0)(painted, reference, 0.5) - content(1)(painted, reference, 0.5)
    assert_close(more, 2 * pyramid(painted, reference, 0.5))


@pytest.mark.parametrize("name", list(CONTENTS))
def test_names_are_those_of_the_table(name):
    chosen = content_named(name)
    assert chosen.of_seed(3) is CONTENTS[name]
    assert chosen.line == name


def test_a_classifier_of_ours_is_a_content_loss(classifier):
    chosen = content_named(str(classifier))
    assert chosen.line == f"{NAME} colour tiny.safetensors 4 features 1, pyramid 1"
    assert len(chosen.told["sha256"]) == 64
    losses = chosen.of_seed(0)(canvases(2), canvases(1, seed=9)[0], 1.0)
    assert (losses > 0).all()


def test_a_seed_gives_the_same_strokes_and_others_than_another_content(classifier):
    """P13 for features: their views come from the painter's seed."""
    face, chosen = drawn_face(1, 32), content_named(str(classifier))

    def strokes(seed, content):
        painter = Painter(QUICK, face, WHITE, seed, content=content)
        list(painter.run())
        return painter.strokes

    first, again = (strokes(3, chosen.of_seed(3)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, strokes(3, chosen.of_seed(4)))
    assert not torch.equal(first, strokes(3, None))


def test_features_draw_a_canvas_towards_the_reference(classifier):
    """By features alone, pixels descend to where the network sees the reference."""
    of_seed = content_named(str(classifier), 0.0).of_seed(0)
    reference, canvas = drawn_face(1, 32), torch.full((1, 3, 32, 32), 0.5, requires_grad=True)
    optimiser = torch.optim.Adam([canvas], lr=0.02)
    losses = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = of_seed(canvas, reference, 1.0).sum()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_torchvisions_networks_take_their_weights_from_a_file(tmp_path):
    model = "shufflenet_v2_x0_5"
    network = build(model, 1000, seed=8).eval()
    torch.save(network.state_dict(), tmp_path / "w.pth")
    chosen = content_named(f"{model}:{tmp_path / 'w.pth'}")
    assert chosen.line == f"{model} w.pth stage2 features 1, pyramid 1"
    painted, reference = canvases(1), canvases(1, seed=9)[0]
    other = build(model, 1000, seed=7)
    torch.save(other.state_dict(), tmp_path / "v.pth")
    found = [
        content_named(f"{model}:{tmp_path / name}").of_seed(0)(painted, reference, 1.0) for name in ("w.pth", "v.pth")
    ]
    assert found[0] != found[1]


@pytest.mark.slow
def test_vgg16_is_seen_through_relu4_3(tmp_path):
    torch.save(build("vgg16", 1000, seed=1).state_dict(), tmp_path / "vgg16.pth")
    chosen = content_named(f"vgg16:{tmp_path / 'vgg16.pth'}")
    assert chosen.told["stage"] == "features.22"
    painter = Painter(QUICK, drawn_face(1, 32), WHITE, 0, content=chosen.of_seed(0))
    assert list(painter.run())[-1].loss > 0


def test_weights_that_cannot_be_had_are_one_line(monkeypatch):
    def fail(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr(_api, "load_state_dict_from_url", fail)
    with pytest.raises(
        UserError, match=r"--content resnet18: .*cannot be downloaded here .*no network.* resnet18:FILE"
    ):
        content_named("resnet18")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("pyramids", "--content pyramids: neither squared nor pyramid, and torchvision has no such classifier"),
        ("weights.pth", "--content weights.pth: no content loss. Use squared, pyramid, a classifier"),
        ("none.safetensors", "none.safetensors: no such file"),
        ("resnet18:none.pth", r"--content resnet18:none.pth: none.pth: no such file. Give resnet18:FILE"),
        ("vit_b_32:none", "--content vit_b_32:none: weights of none would say nothing. Give vit_b_32:FILE"),
    ],
)
def test_what_is_no_content_loss_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        content_named(text)


@pytest.mark.parametrize(
    ("text", "weight", "words"),
    [
        ("pyramid", 1.0, "--pyramid 1.0: goes with features, not with pyramid"),
        ("any.safetensors", -1.0, "--pyramid -1.0: not a number from 0 on"),
        ("any.safetensors", float("nan"), "--pyramid nan: not a number from 0 on"),
        ("any.safetensors", float("inf"), "--pyramid inf: not a number from 0 on"),
    ],
)
def test_weights_that_mean_nothing_are_refused(text, weight, words):
    with pytest.raises(UserError, match=words):
        content_named(text, weight)


def test_a_file_of_another_network_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(UserError, match=r"w.pth: not of this network .* Give resnet18:FILE"):
        content_named(f"resnet18:{tmp_path / 'w.pth'}")
    (tmp_path / "s.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(UserError, match=r"s.safetensors: not a readable"):
        content_named(str(tmp_path / "s.safetensors"))
