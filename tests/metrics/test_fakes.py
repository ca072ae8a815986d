"""The pictures a score is of."""

import pytest
import torch

from metrics.fakes import evaluation_pictures
from networks.snapshot import LoadedGenerator, load_generator
from tests.support.tiny_snapshot import write_snapshot


@pytest.fixture(scope="module")
def loaded(archive, tmp_path_factory) -> LoadedGenerator:
    path = tmp_path_factory.mktemp("snapshot") / "tiny.safetensors"
    return load_generator(write_snapshot(path, archive, conditional=True))


def pictures(loaded: LoadedGenerator, count: int, **options) -> torch.Tensor:
    return torch.cat(list(evaluation_pictures(loaded.network, loaded.info, count, **options)))


def test_more_pictures_begin_with_the_same_ones_in_any_batch(loaded):
    some, more = pictures(loaded, 6, batch=4), pictures(loaded, 9, batch=9)
    assert some.shape == (6, 3, 16, 16)
    difference = (some.int() - more[:6].int()).abs().max()
    assert int(difference) <= 1, "at most one grey level by the order of summation"


def test_another_seed_gives_other_pictures(loaded):
    assert not torch.equal(pictures(loaded, 6), pictures(loaded, 6, seed=1))


def test_psi_zero_leaves_labels_and_noise_alone_to_differ(loaded):
    varied, calm = pictures(loaded, 12).float(), pictures(loaded, 12, psi=0.0).float()
    assert float(calm.var(0).mean()) < float(varied.var(0).mean())


def test_generating_leaves_the_global_random_state_alone(loaded):
    torch.manual_seed(2)
    before = torch.get_rng_state()
    pictures(loaded, 5)
    assert torch.equal(torch.get_rng_state(), before)
