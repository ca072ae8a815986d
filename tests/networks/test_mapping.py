import json

import numpy as np
import pytest
import torch

from networks.mapping import MappingNetwork
from tests.support.closeness import assert_golden
from tests.support.golden import COPIES
from tests.support.official_names import generator_name, golden_arrays, load_official


def build(init: dict) -> MappingNetwork:
    return MappingNetwork(
        z_dim=init["z_dim"],
        label_dim=init["c_dim"],
        w_dim=init["w_dim"],
        num_ws=init["num_ws"] or 1,
        num_layers=init.get("num_layers", 8),
        lr_multiplier=init.get("lr_multiplier", 0.01),
        embed_dim=init.get("embed_features"),
        hidden_dim=init.get("layer_features"),
        act=init.get("activation", "lrelu"),
        tracks_mean="w_avg_beta" not in init,
    )


@pytest.fixture(scope="module")
def golden():
    return np.load(COPIES / "mapping_sg2.npz", allow_pickle=False)


@pytest.mark.parametrize("case", ["uncond", "cond", "cond_sizes", "D_cond_noz_nows"])
def test_styles_and_truncation_agree_with_the_golden_numbers(golden, case):
    meta = json.loads(str(golden["meta_json"]))["cases"][case]
    mapping = build(meta["init"])
    arrays = {"mapping." + name: array for name, array in golden_arrays(golden, f"{case}/sd/").items()}
    load_official(mapping, arrays, lambda name: generator_name(name, [4]).removeprefix("mapping."))
    z = torch.from_numpy(golden[f"{case}/z"]) if meta["init"]["z_dim"] else None
    labels = torch.from_numpy(golden[f"{case}/c"]) if meta["init"]["c_dim"] else None
    for index, call in enumerate(meta["calls"]):
        expected = golden[f"{case}/out{index}"]
        if meta["init"]["num_ws"] is None:
            assert_golden(mapping.styles(z, labels), expected)
        else:
            psi, cutoff = call.get("truncation_psi", 1), call.get("truncation_cutoff")
            assert_golden(mapping(z, labels, psi=psi, cutoff=cutoff), expected)
    if meta["init"]["num_ws"] is not None:
        mapping.track(mapping.styles(z, labels).mean(0), 0.995)
        assert_golden(mapping.w_mean, golden[f"{case}/w_avg_after_1_train_forward"])


def test_scaling_z_does_not_change_the_style():
    mapping = MappingNetwork(z_dim=8, label_dim=0, w_dim=6, num_ws=2, num_layers=2)
    z = torch.randn(3, 8)
    torch.testing.assert_close(mapping.styles(z, None), mapping.styles(z * 7, None), rtol=1e-4, atol=1e-5)


def test_psi_zero_gives_every_seed_the_mean():
    mapping = MappingNetwork(z_dim=8, label_dim=0, w_dim=6, num_ws=2, num_layers=2)
    mapping.w_mean.normal_()
    ws = mapping(torch.randn(3, 8), psi=0.0)
    torch.testing.assert_close(ws, mapping.w_mean.expand(3, 2, 6))
