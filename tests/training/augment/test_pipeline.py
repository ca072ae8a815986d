import dataclasses

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from training.augment.config import AugmentConfig, NoStrength
from training.augment.draws import Draws
from training.augment.pipeline import AugmentPipe, Changes
from training.augment.sets import SETS

CHANGING = [name for name in SETS if name != "none"]


def draws(seed: int = 0) -> Draws:
    return Draws(torch.Generator().manual_seed(seed))


def pipe(name: str) -> AugmentPipe:
    return AugmentPipe(AugmentConfig(pipe=name, strength=NoStrength()))  # p is given with each call


def pictures(count: int = 4, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(7)) * 2 - 1


@pytest.mark.parametrize("name", SETS)
def test_p_0_is_the_identity(name):
    x = pictures()
    assert pipe(name)(x, 0.0, draws()) is x


@pytest.mark.parametrize("name", ["bg", "bgc", "filter", "bgcfnc"])
def test_closed_gates_leave_the_pictures_bit_for_bit(name):
    x = pictures()
    assert torch.equal(pipe(name)(x, 1e-12, draws()), x)


@pytest.mark.parametrize("name", CHANGING)
def test_p_1_changes_the_pictures(name):
    x = pictures(16)
    y = pipe(name)(x, 1.0, draws())
    assert y.shape == x.shape
    assert y.isfinite().all()
    assert not torch.equal(y, x)


@pytest.mark.parametrize("name", CHANGING)
def test_the_same_seed_changes_in_the_same_way(name):
    x = pictures()
    assert torch.equal(pipe(name)(x, 0.7, draws(5)), pipe(name)(x, 0.7, draws(5)))


def test_another_seed_changes_in_another_way():
    assert not torch.equal(pipe("bgc")(pictures(), 1.0, draws(5)), pipe("bgc")(pictures(), 1.0, draws(6)))


def only(changes: Changes, row: int) -> Changes:
    parts = {field.name: getattr(changes, field.name) for field in dataclasses.fields(changes)}
    return Changes(**{name: None if part is None else part[row : row + 1] for name, part in parts.items()})


@pytest.mark.parametrize("name", ["bgcfnc", "faces"])
def test_a_pictures_result_depends_on_its_own_draws_alone(name):
    augment, x = pipe(name), pictures(6, 32)
    changes = augment.draw(x, 0.6, draws(3))
    together = augment.apply_changes(x, changes)
    for row in range(len(x)):
        alone = augment.apply_changes(x[row : row + 1], only(changes, row))
        torch.testing.assert_close(alone[0], together[row], rtol=0, atol=1e-4)


def test_colour_sets_do_not_resample(monkeypatch):
    monkeypatch.setattr("training.augment.pipeline.apply_geometry", None)
    assert pipe("color")(pictures(), 1.0, draws()).isfinite().all()


def test_pictures_untouched_by_geometry_are_not_resampled():
    x = pictures(64)
    y = pipe("bg")(x, 0.1, draws())
    still = (y == x).flatten(1).all(1)
    assert 10 < still.sum() < 60


@pytest.mark.parametrize("name", ["bgcfnc", "faces"])
def test_the_whole_pipe_can_be_differentiated_twice(name):
    augment = pipe(name).double()
    x = pictures(2, 5).double().requires_grad_()
    changes = augment.draw(x, 1.0, draws(1))
    assert gradcheck(lambda x: augment.apply_changes(x, changes), (x,))
    assert gradgradcheck(lambda x: augment.apply_changes(x, changes).tanh(), (x,), fast_mode=True)


def test_r1_through_the_pipe_reaches_the_discriminators_weights():
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 4, 3)
    head = [torch.nn.Softplus(), torch.nn.Flatten(), torch.nn.Linear(4 * 6 * 6, 1)]
    discriminator = torch.nn.Sequential(convolution, *head).double()
    augment, x = pipe("bgcfnc").double(), pictures(2, 8).double()
    changes = augment.draw(x, 1.0, draws(1))
    weight = convolution.weight

    def penalty() -> Tensor:
        images = x.clone().requires_grad_()
        logits = discriminator(augment.apply_changes(images, changes))
        (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
        return gradient.square().sum()

    (slope,) = torch.autograd.grad(penalty(), weight)
    step = torch.randn_like(weight)
    with torch.no_grad():
        weight += 1e-5 * step
        above = penalty_value(penalty)
        weight -= 2e-5 * step
        below = penalty_value(penalty)
    torch.testing.assert_close((slope * step).sum(), (above - below) / 2e-5, rtol=1e-5, atol=1e-8)


def penalty_value(penalty) -> Tensor:
    with torch.enable_grad():
        return penalty().detach()


def test_the_filters_are_buffers_that_are_not_saved():
    augment = pipe("bgcf").to("meta")
    assert augment.low_pass.device.type == augment.bank.device.type == "meta"
    assert not augment.state_dict()
    assert not list(augment.parameters())


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 12, 20)])
def test_grey_and_oblong_pictures_are_welcome(shape):
    y = pipe("bgcfnc")(torch.rand(shape), 1.0, draws())
    assert y.shape == shape
    assert y.isfinite().all()
