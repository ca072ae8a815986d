import json

import numpy as np
import pytest

from networks.interface import ImageSpec
from networks.stylegan3_generator import StyleGAN3GeneratorConfig


def options_of(kwargs: dict) -> dict:
    names = {"channel_base": "channel_base", "channel_max": "channel_max", "conv_kernel": "kernel_size"}
    found = {names[name]: value for name, value in kwargs.items() if name in names}
    return found | {"radial_filters": kwargs.get("use_radial_filters", False)}


@pytest.mark.parametrize("case", ["t_256", "t_512", "t_1024", "r_256", "r_1024"])
def test_layers_are_those_of_the_golden_tables(shared, case):
    golden = np.load(shared / "golden" / "sg3_layer_tables.npz", allow_pickle=False)
    table = json.loads(str(golden["meta_json"]))["cases"][case]
    config = StyleGAN3GeneratorConfig(**options_of(table["kwargs"]))
    plans = config.plans(ImageSpec(resolution=int(case.split("_")[1])))
    first, *rows = table["rows"]
    entering = plans[0].before
    found = (entering.channels, entering.size, entering.rate, entering.cutoff)
    assert found == (first["channels"], first["size"], first["sampling_rate"], first["bandwidth"])
    assert len(plans) == len(rows)
    for plan, row in zip(plans, rows, strict=True):
        assert (plan.to_rgb, plan.critical) == (row["is_torgb"], row["is_critically_sampled"])
        for side, band in (("in", plan.before), ("out", plan.after)):
            exact = (band.channels, band.size, band.rate)
            assert exact == tuple(row[f"{side}_{name}"] for name in ("channels", "size", "sampling_rate"))
            near = [band.cutoff, band.half_width]
            assert near == pytest.approx([row[f"{side}_cutoff"], row[f"{side}_half_width"]], rel=1e-9)


@pytest.mark.parametrize("variant", ["T", "R"])
def test_grids_taps_and_paddings_are_those_of_the_golden_layers(shared, variant):
    golden = np.load(shared / "golden" / f"sg3_G_{variant}.npz", allow_pickle=False)
    layers = json.loads(str(golden["meta_json"]))["layers"]
    options = {"kernel_size": 1, "radial_filters": True} if variant == "R" else {}
    plans = StyleGAN3GeneratorConfig(**options).plans(ImageSpec(resolution=32))
    for plan, layer in zip(plans, layers.values(), strict=True):
        assert (plan.fine_rate, plan.up, plan.down) == tuple(
            layer[name] for name in ("tmp_sampling_rate", "up_factor", "down_factor")
        )
        assert list(plan.padding()) == layer["padding"]
        for f, name in ((plan.up_filter(), "up_taps"), (plan.down_filter(), "down_taps")):
            assert (1 if f is None else f.shape[0]) == layer[name]
        assert (plan.down_filter() is not None and plan.down_filter().ndim == 2) == layer["down_radial"]


def test_without_a_finer_grid_a_layer_that_keeps_its_rate_filters_nothing():
    plans = StyleGAN3GeneratorConfig(lrelu_upsampling=1).plans(ImageSpec(resolution=64))
    assert plans[0].up_filter() is None and plans[0].down_filter() is None
    assert [len(plan.up_filter()) for plan in plans if plan.up > 1] == [12] * 2


def test_binomial_filters_are_1_3_3_1():
    plan = StyleGAN3GeneratorConfig(filters="binomial").plans(ImageSpec(resolution=64))[0]
    assert (plan.up_filter() * 64).flatten().tolist()[:4] == [1, 3, 3, 1]
