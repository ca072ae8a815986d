from dataclasses import replace

import pytest
import torch

from dataset.archive import Archive
from tests.support.tiny_run import TINY, write_archive
from torch_utils.errors import ConfigError
from training.config import DataConfig
from training.data import load_training_data
from training.options import Flags, open_run
from training.state import TrainingState, ema_decay
from training.step import StepResult, slices, take_step

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data_path(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("data") / "discs.zip")


def build(data_path, *settings, **flags) -> TrainingState:
    options = {"batch": 8, "batch_gpu": 4} | flags
    config, _, archive = open_run(
        Flags(data=data_path, outdir=data_path.parent / "none", gpus=0, settings=(*TINY, *settings), **options)
    )
    return TrainingState.build(config, load_training_data(archive, config.data, 0, CPU), CPU)


def gradients_of_first_step(state: TrainingState, batch_gpu: int) -> list[torch.Tensor]:
    """Of the D step, summed over slices, caught when the optimiser would apply them."""
    schedule = replace(state.config.schedule, batch_gpu=batch_gpu)
    step = next(step for step in state.steps if step.name == "D")
    caught = []
    step.optimizer.register_step_pre_hook(
        lambda optimizer, *_: caught.extend(p.grad.clone() for p in optimizer.param_groups[0]["params"])
    )
    take_step(step, state.players, slices(state.phase, 0, 0, 0), schedule.batch_size)
    return caught


def test_the_gradient_is_the_mean_over_all_slices(data_path):
    joined = gradients_of_first_step(build(data_path), 4)
    state = build(data_path)
    step = next(step for step in state.steps if step.name == "D")
    parts = slices(state.phase, 0, 0, 0)
    assert len(parts) == 2
    state.players.discriminator.requires_grad_(True)
    mean = torch.stack([step.term(state.players, part).loss.mean() for part in parts]).mean()
    expected = torch.autograd.grad(mean, list(state.players.discriminator.parameters()))
    for ours, theirs in zip(joined, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)


def test_a_lazy_term_counts_for_all_the_batches_it_stands_for(data_path):
    twice, sixteen = build(data_path, "losses.r1.every=2"), build(data_path, "losses.r1.every=16")
    caught = {}
    for name, state in (("twice", twice), ("sixteen", sixteen)):
        step = next(step for step in state.steps if step.name == "R1")
        step.optimizer.register_step_pre_hook(
            lambda optimizer, *_, name=name: caught.update({name: optimizer.param_groups[0]["params"][0].grad.clone()})
        )
        take_step(step, state.players, slices(state.phase, 0, 0, 0), 8)
    torch.testing.assert_close(caught["sixteen"], caught["twice"] * 8)


def test_adam_is_slowed_by_k_over_k_plus_1_where_a_term_is_lazy(data_path):
    group = build(data_path, "losses.r1.every=16").discriminator_adam.param_groups[0]
    assert group["lr"] == pytest.approx(0.0025 * 16 / 17)
    assert group["betas"] == pytest.approx((0.0, 0.99 ** (16 / 17)))


def test_only_the_trained_network_changes(data_path):
    state = build(data_path)
    before = {name: p.clone() for name, p in state.players.generator.named_parameters()}
    step = next(step for step in state.steps if step.name == "D")
    take_step(step, state.players, slices(state.phase, 0, 0, 0), 8)
    assert all(torch.equal(before[name], p) for name, p in state.players.generator.named_parameters())


def test_frozen_layers_of_d_stay(data_path):
    state = build(data_path, freezed=2, resume=data_path.parent / "another-run.safetensors")
    stages = state.players.discriminator.stages()
    before = [p.clone() for stage in stages[:2] for p in stage.parameters()]
    later = next(iter(stages[3].parameters())).clone()
    step = next(step for step in state.steps if step.name == "D")
    take_step(step, state.players, slices(state.phase, 0, 0, 0), 8)
    after = [p for stage in stages[:2] for p in stage.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert not torch.equal(later, next(iter(stages[3].parameters())))


def test_initial_weights_depend_on_the_seed_alone(data_path):
    torch.manual_seed(1)
    one = build(data_path)
    torch.manual_seed(2)
    two = build(data_path)
    assert torch.equal(one.players.generator.blocks[0].const, two.players.generator.blocks[0].const)
    three = build(data_path, seed=1)
    assert not torch.equal(one.players.generator.blocks[0].const, three.players.generator.blocks[0].const)


def test_the_moving_average_forgets_half_in_its_half_life(data_path):
    config = build(data_path, "ema.half_life_kimg=4", "ema.ramp=none").config
    assert ema_decay(config, 0, 8) ** (4000 / 8) == pytest.approx(0.5)


def test_the_ramp_shortens_the_half_life_at_first(data_path):
    config = build(data_path, "ema.half_life_kimg=4", "ema.ramp=0.05").config
    assert ema_decay(config, 0, 8) < 1e-6
    assert ema_decay(config, 1000, 8) == pytest.approx(0.5 ** (8 / 50))
    assert ema_decay(config, 10**6, 8) == pytest.approx(0.5 ** (8 / 4000))


def test_adaptive_p_rises_when_d_is_sure_of_reals(data_path):
    state = build(data_path, aug="ada")
    state.batches_done, state.sign_sum, state.sign_count = 3, 32.0, 32
    state.advance()
    assert state.players.augment_p == pytest.approx(8 * 4 / 500_000)
    assert state.sign_count == 0


def test_conditional_fakes_are_asked_for_labels_the_data_holds(data_path):
    archive = Archive.open(data_path)
    data = load_training_data(archive, DataConfig(path="x", label_sets=("colour", "size")), 0, CPU)
    codes = data.random_codes(200, torch.Generator().manual_seed(0))
    assert codes.shape == (200, 3 + 4)
    assert (codes.sum(dim=1) == 2).all()
    assert {tuple(row) for row in codes.tolist()} <= {tuple(row) for row in data._codes(data.labels).tolist()}


def test_a_split_trains_on_its_pictures_only(data_path):
    archive = Archive.open(data_path)
    data = load_training_data(archive, DataConfig(path="x", split="train"), 0, CPU)
    assert len(data.pictures) == 12


def test_mirrored_pictures_are_flipped_left_to_right(data_path):
    archive = Archive.open(data_path)
    data = load_training_data(archive, DataConfig(path="x", mirror=True), 0, CPU)
    indices, flipped = data.sampler.at(0, 48)
    reals, _ = data.reals(0, 48)
    place = int(flipped.nonzero()[0][0])
    twin = int((~flipped & (indices == indices[place])).nonzero()[0][0])
    assert torch.equal(reals[place], reals[twin].flip(2))


def test_freezing_every_layer_is_refused(data_path):
    with pytest.raises(ConfigError, match="freeze_discriminator: 1000 is not possible. D has 10 layers; leave some"):
        build(data_path, freezed=1000, resume=data_path.parent / "another-run.safetensors")


def test_nothing_of_a_step_that_was_skipped_is_absorbed(data_path):
    state = build(data_path)
    before = state.players.generator.mapping.w_mean.clone()
    nothing = torch.full([8], float("nan"))
    seen = StepResult(values={}, w_mean=nothing, path_length=nothing[0], sign_sum=8, sign_count=8, fault="its loss")
    state.absorb(seen)
    assert torch.equal(state.players.generator.mapping.w_mean, before)
    assert (state.path_mean.item(), state.sign_sum, state.sign_count, state.steps_skipped) == (0.0, 0.0, 0, 1)


def test_the_demo_preset_augments_as_soon_as_it_is_asked_to(data_path):
    config = build(data_path, cfg="demo", aug="fixed", fixed_p=0.8).config
    assert (config.augment.pipe, config.augment.strength.p) == ("faces", 0.8)


def test_gradients_are_asked_for_by_the_step_that_trains_alone(data_path):
    state = build(data_path)
    both = [*state.players.generator.parameters(), *state.players.discriminator.parameters()]
    for step in state.steps:
        asked = []

        def watching(players, part, term=step.term, asked=asked):
            asked.append([id(parameter) for parameter in both if parameter.requires_grad])
            return term(players, part)

        take_step(replace(step, term=watching), state.players, slices(state.phase, 0, 0, 0), state.phase.batch_size)
        assert asked == [[id(parameter) for parameter in step.network.parameters()]] * 2
        assert not any(parameter.requires_grad for parameter in both)
