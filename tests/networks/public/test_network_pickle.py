"""network.pkl: the golden ones give the golden pictures; made ones come back as the networks they were made of."""

import numpy as np
import pytest
import torch

from networks.interface import ImageSpec, Noise
from networks.layers import RESAMPLE_TAPS
from networks.public.importing import read_public
from networks.snapshot import fill, load_generator, read_snapshot
from networks.stylegan2_discriminator import StyleGAN2DiscriminatorConfig
from tests.support.public_files import (
    GENERATOR,
    Persistent,
    augment_pipe,
    golden_stylegan3,
    network_pickle,
    official_discriminator,
    official_generator,
    pickled,
    random_network,
    tiny_discriminator,
    tiny_generator,
    write,
)
from torch_utils.config import from_json
from torch_utils.errors import SnapshotError
from torch_utils.ops.upfirdn2d import setup_filter

CONST = Noise(mode="const")


def discriminator_of(imported, path):
    config = from_json(StyleGAN2DiscriminatorConfig, imported.info.config["discriminator"])
    network = config.build(imported.info.image_spec).eval()
    fill(network, imported.parts["discriminator"], path)
    return network


def load_generator_of(path):
    imported = read_public(path)
    generator = imported.info.generator.build(imported.info.image_spec).eval()
    fill(generator, imported.parts["ema"], path)
    return generator


@pytest.mark.parametrize("name", ["tiny_sg2.pkl", "tiny_sg2_oldstyle.pkl"])
def test_a_golden_stylegan2_pickle_gives_the_golden_pictures_and_logits(shared, name):
    path = shared / "golden" / name
    golden = np.load(shared / "golden" / "sg2_G_skip_cond.npz", allow_pickle=False)
    loaded = load_generator(path)
    image = loaded.network(torch.from_numpy(golden["z"]), torch.from_numpy(golden["c"]), noise=CONST)
    assert np.abs(image.numpy() - golden["img_const"]).max() < 1e-4
    judged = np.load(shared / "golden" / "sg2_D_resnet_cond.npz", allow_pickle=False)
    images = np.load(shared / "golden" / "sg2_D_images.npz", allow_pickle=False)["img"]
    network = discriminator_of(read_public(path), path)
    logits = network(torch.from_numpy(images), torch.from_numpy(judged["c"]))
    assert np.abs(logits.detach().numpy() - judged["logits8"]).max() < 1e-4


def test_the_golden_stylegan3_pickle_gives_the_golden_pictures(shared):
    golden = np.load(shared / "golden" / "sg3_G_T.npz", allow_pickle=False)
    path = shared / "golden" / "tiny_sg3.pkl"
    assert list(read_public(path).parts) == ["ema", "generator", "discriminator"]
    image = load_generator_of(path)(torch.from_numpy(golden["z"]))
    assert np.abs(image.detach().numpy() - golden["img"]).max() < 1e-4


@pytest.mark.parametrize("case", ["T", "R"])
def test_a_stylegan3_pickle_with_golden_numbers_gives_the_golden_pictures(shared, tmp_path, case):
    record, golden = golden_stylegan3(shared, case)
    loaded = load_generator_of(write(tmp_path / "network.pkl", pickled({"G_ema": record})))
    labels = torch.from_numpy(golden["c"]) if case == "R" else None
    image = loaded(torch.from_numpy(golden["z"]), labels)
    assert np.abs(image.detach().numpy() - golden["img"]).max() < 1e-4


_L0, _L3, _TORGB = "synthesis.L0_36_24", "synthesis.L3_36_24", "synthesis.L14_32_3"
STYLEGAN3_REFUSED = {
    "filter where there is none": (_TORGB, {"_buffers": {"up_filter": torch.ones(12)}}, "up_filter is another filter"),
    "another filter": (_L0, {"_buffers": {"up_filter": torch.ones(12)}}, "L0_36_24.up_filter is another filter"),
    "another rate": (_L3, {"tmp_sampling_rate": 64}, "L3_36_24.tmp_sampling_rate is 64, here it is 32"),
    "another cutoff": (_L3, {"out_cutoff": 2.0}, "L3_36_24.out_cutoff is 2.0, here it is 3.36"),
    "another padding": (_L3, {"padding": [1, 1, 1, 1]}, r"padding is \[1, 1, 1, 1\], here it is"),
    "another margin": ("synthesis", {"margin_size": 12}, r"L0_36_24.in_size is .*, here it is \[40, 40\]"),
    "kernel of five": (_L0, {"conv_kernel": 5}, "conv_kernel is 5, here it can be 1 or 3"),
    "layers without end": ("synthesis", {"num_layers": 10**9}, "synthesis.num_layers is 1000000000"),
    "long filters": ("synthesis", {"_init_kwargs": {"filter_size": 10**6}}, "filter_size is 1000000"),
    "cutoff beyond the picture": (
        "synthesis",
        {"_init_kwargs": {"first_cutoff": 100.0, "first_stopband": 120.0}},
        "generator.first_cutoff: 100.0 is not possible. Use a number below 16",
    ),
    "stop band that is none": ("synthesis", {"_init_kwargs": {"last_stopband_rel": 0.5}}, "last_stopband_rel: 0.5 is"),
    "no features": ("synthesis", {"_init_kwargs": {"channel_base": 4}}, "generator.channel_base: 4 is not possible"),
    "cutoff that is none": ("synthesis", {"_init_kwargs": {"first_cutoff": float("nan")}}, "first_cutoff is nan"),
}


@pytest.mark.parametrize("case", STYLEGAN3_REFUSED)
def test_a_stylegan3_that_is_laid_out_otherwise_is_refused_by_name_and_value(shared, tmp_path, case):
    module, attributes, message = STYLEGAN3_REFUSED[case]
    record, _ = golden_stylegan3(shared, "R")
    held = module_of(record, module).state
    for name, value in attributes.items():
        held[name] = {**held[name], **value} if isinstance(value, dict) else value
    path = write(tmp_path / "network.pkl", pickled({"G_ema": record}))
    with pytest.raises(SnapshotError, match=message):
        read_public(path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("c_dim", [0, 1, 4])
def test_a_pickle_of_any_protocol_comes_back_to_the_bit(tmp_path, protocol, c_dim):
    path = write(tmp_path / "network.pkl", pickled(network_pickle(c_dim, augment_pipe=augment_pipe(0.37)), protocol))
    info, tensors = read_snapshot(path, ("ema.", "generator.", "discriminator.", "augment."))
    networks = {"ema": tiny_generator(c_dim), "generator": tiny_generator(c_dim)}
    networks["discriminator"] = tiny_discriminator(c_dim)
    expected = {f"{part}.{name}": t for part, network in networks.items() for name, t in network.state_dict().items()}
    expected["augment.p"] = torch.tensor(0.37)
    assert info.image_spec.label_dim == c_dim
    assert tensors.keys() == expected.keys()
    assert [name for name in expected if not tensors[name].equal(expected[name])] == []


def as_columns(array):
    return np.asfortranarray(array)


def as_big_endian(array):
    return array.astype(">f4")


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("change", [np.asarray, as_columns, as_big_endian])
def test_arrays_stand_for_tensors_however_they_lie_in_memory(tmp_path, protocol, change):
    held = generator_with("mapping.fc0")
    weight = tiny_generator().mapping.layers[0].weight.detach()
    module_of(held["G_ema"], "mapping.fc0").state["_parameters"]["weight"] = change(weight.numpy())
    loaded = load_generator(write(tmp_path / "network.pkl", pickled(held, protocol)))
    assert loaded.network.mapping.layers[0].weight.equal(weight)


def test_tensors_that_look_into_one_storage_get_their_own_part_of_it(tmp_path):
    held, numbers = generator_with("mapping"), torch.randn(24)
    module_of(held["G_ema"], "mapping").state["_buffers"]["w_avg"] = numbers[16:]
    module_of(held["G_ema"], "mapping.fc0").state["_parameters"]["bias"] = numbers[0:16:2]
    mapping = load_generator(write(tmp_path / "network.pkl", pickled(held))).network.mapping
    assert mapping.w_mean.equal(numbers[16:])
    assert mapping.layers[0].bias.equal(numbers[0:16:2])


OPTIONS = [
    {"architecture": "resnet"},
    {"architecture": "orig", "noise_inputs": False},
    {"clamp": 256.0, "precision": "fp16", "num_low_precision_res": 2},
    {"mapping_layers": 3, "mapping_lr_multiplier": 0.5, "w_mean_decay": 0.998},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options_are_those_the_modules_tell(tmp_path, options):
    network = tiny_generator(**options)
    path = write(tmp_path / "network.pkl", pickled({"G_ema": official_generator(network)}))
    loaded = load_generator(path)
    assert loaded.info.generator == network.config
    z = torch.randn(2, 8)
    assert loaded.network(z, noise=CONST).equal(network(z, noise=CONST))


@pytest.mark.parametrize("options", [{"architecture": "skip"}, {"minibatch_channels": 0}, {"minibatch_channels": 2}])
def test_a_discriminators_options_are_those_the_modules_tell(tmp_path, options):
    network = tiny_discriminator(**options)
    record = official_discriminator(network)
    if not network.config.minibatch_channels:
        del record.state["_modules"]["b4"].state["_modules"]["mbstd"]
    path = write(tmp_path / "network.pkl", pickled(network_pickle(D=record)))
    assert discriminator_of(read_public(path), path).config == network.config


def test_the_story_tells_source_data_and_digest_but_no_folder(tmp_path):
    info = load_generator(write(tmp_path / "network.pkl", pickled(network_pickle(3)))).info
    assert info.data == {"source": "network.pkl", "name": "faces.zip"}
    assert len(info.digest) == 64
    assert info.label_counts == (((0,), 1), ((1,), 1), ((-1,), 1))
    assert "/home/me" not in str(info)


def test_grey_networks_and_names_in_capitals_are_read(tmp_path):
    spec = ImageSpec(resolution=16, channels=1)
    network = random_network(GENERATOR.build(spec))
    loaded = load_generator(write(tmp_path / "NETWORK.PKL", pickled({"G_ema": official_generator(network)})))
    assert loaded.info.image_spec == spec
    z = torch.randn(2, 8)
    assert loaded.network(z, noise=CONST).equal(network(z, noise=CONST))


def test_buffers_that_are_not_saved_are_left_out(tmp_path):
    held = with_buffer("mapping", passing=torch.ones(3))
    module_of(held["G_ema"], "mapping").state["_non_persistent_buffers_set"] = {"passing"}
    read_public(write(tmp_path / "network.pkl", pickled(held)))


def test_what_is_of_no_use_is_named(tmp_path):
    path = write(tmp_path / "network.pkl", pickled(network_pickle(extra=1, cur_nimg=25_000)))
    assert read_public(path).notes == ("of no use here: cur_nimg, extra",)


def module_of(record, module: str):
    for name in module.split(".") if module else ():
        record = record.state["_modules"][name]
    return record


def generator_with(module: str, **attributes):
    record = official_generator(tiny_generator())
    module_of(record, module).state.update(attributes)
    return {"G_ema": record}


def without_tensor(kind: str):
    held = generator_with("mapping.fc0")
    del held["G_ema"].state["_modules"]["mapping"].state["_modules"]["fc0"].state["_parameters"][kind]
    return held


def with_buffer(module: str, **buffers):
    held = generator_with(module)
    module_of(held["G_ema"], module).state["_buffers"].update(buffers)
    return held


def one_tensor_under_many_names(values):
    """Little in the file; each name would have a copy of its own."""
    return with_buffer("mapping", **{f"a{i}": values for i in range(300)})


def entries_that_hold_nothing():
    """Modules that share one long dict of nothing: every one of them would walk through it."""
    held = generator_with("")
    nothing = Persistent("Module", {"_parameters": dict.fromkeys(range(1000))})
    held["G_ema"].state["_modules"].update({f"m{i}": nothing for i in range(100)})
    return held


def looping():
    record = Persistent("Generator", {"_modules": {}})
    record.state["_modules"]["again"] = Persistent("Module", record.state)
    return {"G_ema": record}


def with_buffers_in(module: str, **buffers):
    """A module more in the mapping network."""
    held = generator_with("")
    module_of(held["G_ema"], "mapping").state["_modules"][module] = Persistent("Module", {"_buffers": buffers})
    return held


def with_discriminator(module: str, **attributes):
    record = official_discriminator(tiny_discriminator(3))
    module_of(record, module).state.update(attributes)
    return network_pickle(3, D=record)


REFUSED = {
    "D's other activation": (with_discriminator("b8.conv1", activation="relu"), "D: b8.conv1.activation is 'relu'"),
    "D's other mapping": (with_discriminator("mapping", num_layers=2), "D: mapping.num_layers is 2, here it can be 8"),
    "D's faster mapping": (with_discriminator("mapping.fc3", bias_gain=1.0), "D: mapping.fc3.bias_gain is 1.0"),
    "G of another kind": (
        network_pickle(G=official_generator(tiny_generator(architecture="resnet"))),
        "G and G_ema have different options",
    ),
    "G of another size": (network_pickle(G=official_generator(tiny_generator(resolution=8))), "G and G_ema have diff"),
    "filter that is nearly ours": (
        with_buffer("synthesis.b8", resample_filter=setup_filter(RESAMPLE_TAPS) + 1e-3),
        "b8.resample_filter is another",
    ),
    "two tensors of one name": (
        with_buffers_in("layers.0", weight=torch.ones(8, 8)),
        "mapping.layers.0.weight and another tensor get one name",
    ),
    "one array under many names": (one_tensor_under_many_names(np.zeros(10**6, np.uint8)), "more numbers than any"),
    "one tensor under many names": (one_tensor_under_many_names(torch.zeros(10**6).bool()), "more numbers than any"),
    "entries that hold nothing": (entries_that_hold_nothing(), "more modules and tensors than any network"),
    "name without end": (with_buffer("mapping", **{"x" * 10**6: torch.ones(1)}), "a name of 1000000 characters, 'xxx"),
    "number without end": (
        generator_with("synthesis", _modules={"b" + "9" * 5000: Persistent("Module", {})}),
        "a name of 5001 characters, 'b999",
    ),
    "bias that is one number": (
        generator_with("mapping.fc0", _parameters={"weight": torch.ones(8, 8), "bias": torch.tensor(1.0)}),
        "mapping.fc0.bias has 1 features, here it can be w_dim, 8",
    ),
    "other activation": (generator_with("synthesis.b8.conv1", activation="relu"), "b8.conv1.activation is 'relu'"),
    "other mapping": (generator_with("mapping.fc1", activation="swish"), "mapping.fc1.activation is 'swish'"),
    "two clamps": (generator_with("synthesis.b8.conv1", conv_clamp=3), "b8.conv1.conv_clamp is 3, elsewhere None"),
    "clamp that is no number": (generator_with("synthesis.b4.conv0", conv_clamp=[1]), "conv_clamp is"),
    "other filter": (with_buffer("synthesis.b8", resample_filter=torch.ones(4, 4)), "b8.resample_filter is another"),
    "resolution": (generator_with("", img_resolution=48), "img_resolution is 48, here it can be a power of two"),
    "giant": (generator_with("", img_resolution=2**19), "img_resolution is 524288"),
    "width that is text": (generator_with("", w_dim="8"), "G_ema: w_dim is '8'"),
    "many labels": (generator_with("", c_dim=10**9), "c_dim is 1000000000"),
    "layers without end": (generator_with("mapping", num_layers=10**9), "mapping.num_layers is 1000000000"),
    "labels without tensors": (generator_with("", c_dim=3), "no tensor for mapping.embed.weight"),
    "tensor missing": (without_tensor("weight"), "no tensor for mapping.layers.0.weight"),
    "tensor too many": (with_buffer("synthesis.b8", extra=torch.ones(2)), "tensor blocks.1.extra has no place here"),
    "other shape": (with_buffer("mapping", w_avg=torch.ones(9)), "mapping.w_mean is 9, its options ask for 8"),
    "whole numbers": (with_buffer("mapping", w_avg=torch.ones(8, dtype=torch.int64)), "not of real numbers"),
    "no tensor": (with_buffer("mapping", w_avg="x"), "'w_avg' is 'x', not a tensor"),
    "modules in a ring": (looping(), "modules are nested too deeply"),
    "unknown kind": ({"G_ema": Persistent("Mystery", {})}, r"no generator of a kind that is known here \(Mystery\)"),
    "no moving average": ({"G": 1}, "it has no G_ema"),
    "a list of networks": ((1, 2, 3), "TensorFlow"),
    "D for other pictures": (
        network_pickle(D=official_discriminator(tiny_discriminator(resolution=8))),
        "D: it judges other pictures",
    ),
    "p out of range": (network_pickle(augment_pipe=augment_pipe(1.5)), "p is no probability"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_by_name_and_value(tmp_path, case):
    held, message = REFUSED[case]
    path = write(tmp_path / "network.pkl", pickled(held))
    with pytest.raises(SnapshotError, match=message) as error:
        read_public(path)
    assert "\n" not in str(error.value)


def test_sampling_does_not_mind_what_it_does_not_read(tmp_path):
    path = write(tmp_path / "network.pkl", pickled(network_pickle(D=Persistent("Mystery", {}))))
    assert load_generator(path).network.image_spec.resolution == 16
