"""Checkpoints as other programs write them, made from networks of ours: network.pkl, and .pt with g_ema."""

import io
import json
import pickle
import re
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from networks.interface import ImageSpec
from networks.layers import RESAMPLE_TAPS, resolutions_up_to
from networks.public.labels import label_sets
from networks.stylegan2_discriminator import StyleGAN2Discriminator, StyleGAN2DiscriminatorConfig
from networks.stylegan2_generator import StyleGAN2Generator, StyleGAN2GeneratorConfig
from torch_utils.ops.upfirdn2d import setup_filter

GENERATOR = StyleGAN2GeneratorConfig(z_dim=8, w_dim=8, mapping_layers=2, channel_base=64, channel_max=8)
DISCRIMINATOR = StyleGAN2DiscriminatorConfig(channel_base=64, channel_max=8)


class Persistent:
    """What pickles as an object of the public programs."""

    def __init__(self, class_name: str, state: dict[str, Any]):
        self.class_name, self.state = class_name, state

    def __reduce__(self):
        meta = {"type": "class", "version": 6, "module_src": "import os\nos.abort()\n", "class_name": self.class_name}
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, ({**meta, "state": self.state},)


@contextmanager
def foreign_modules() -> Iterator[None]:
    """Modules of the public programs, so that Python's pickler can write their names."""

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("run")

    module = types.ModuleType("torch_utils.persistence")
    _reconstruct_persistent_obj.__module__, _reconstruct_persistent_obj.__qualname__ = (
        module.__name__,
        _reconstruct_persistent_obj.__name__,
    )
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        yield
    finally:
        del sys.modules[module.__name__]


def pickled(held: Any, protocol: int = 4) -> bytes:
    """Bytes of a network.pkl."""
    with foreign_modules():
        return pickle.dumps(held, protocol=protocol)


def random_network(network: nn.Module, seed: int = 1) -> Any:
    """The network with every tensor drawn anew, those that begin at zero too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            slow = name.startswith("mapping.layers.") and name.endswith("weight")  # scaled back at run time
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * (100 if slow else 0.5))
    return network.eval()


def tiny_generator(c_dim: int = 0, resolution: int = 16, **options: Any) -> StyleGAN2Generator:
    spec = ImageSpec(resolution=resolution, label_sets=label_sets(c_dim))
    return random_network(StyleGAN2GeneratorConfig(**{**vars(GENERATOR), **options}).build(spec))


def tiny_discriminator(c_dim: int = 0, resolution: int = 16, **options: Any) -> StyleGAN2Discriminator:
    spec = ImageSpec(resolution=resolution, label_sets=label_sets(c_dim))
    return random_network(StyleGAN2DiscriminatorConfig(**{**vars(DISCRIMINATOR), **options}).build(spec))


def official_generator(network: StyleGAN2Generator) -> Persistent:
    """A generator as the public programs pickle it."""
    config, spec = network.config, network.image_spec
    sides = resolutions_up_to(spec.resolution)
    tensors = {}
    for name, tensor in network.state_dict().items():
        name = re.sub(r"^blocks\.(\d+)", lambda m: f"synthesis.b{sides[int(m[1])]}", name)
        tensors[_mapping(name).replace("mapping.w_mean", "mapping.w_avg")] = tensor
    top = {"z_dim": config.z_dim, "c_dim": spec.label_dim, "w_dim": config.w_dim}
    held: dict[str, dict[str, Any]] = {
        "": {**top, "img_resolution": spec.resolution, "img_channels": spec.channels},
        "synthesis": {"_init_kwargs": {"channel_base": config.channel_base, "channel_max": config.channel_max}},
        "mapping": {"num_layers": config.mapping_layers, "w_avg_beta": config.w_mean_decay},
    }
    reduced = sides[-config.num_low_precision_res :] if config.precision == "fp16" else []
    for side in sides:
        block = f"synthesis.b{side}"
        held[block] = {"architecture": config.architecture, "use_fp16": side in reduced}
        for layer in ("conv0", "conv1", "torgb"):
            held[f"{block}.{layer}"] = {"conv_clamp": config.clamp}
            if layer != "torgb":
                held[f"{block}.{layer}"] |= {"activation": "lrelu", "use_noise": config.noise_inputs}
    for layer in range(config.mapping_layers):
        held[f"mapping.fc{layer}"] = {"activation": "lrelu", "bias_gain": config.mapping_lr_multiplier}
    return _tree("Generator", tensors, held, _has_filter)


def golden_stylegan3(shared: Path, case: str) -> tuple[Persistent, Any]:
    """A StyleGAN3 generator of golden numbers as the public programs pickle it, and the numbers."""
    golden = np.load(shared / "golden" / f"sg3_G_{case}.npz", allow_pickle=False)
    told = json.loads(str(golden["meta_json"]))
    options, layers = told["init"], told["layers"]
    tensors = {key.removeprefix("sd/"): torch.from_numpy(golden[key]) for key in golden.files if key.startswith("sd/")}
    mapping = options.pop("mapping_kwargs")
    held: dict[str, dict[str, Any]] = {"": dict(options), "mapping": {**mapping, "w_avg_beta": 0.998}}
    held["synthesis"] = {"num_layers": len(layers) - 1, "num_critical": 2, "margin_size": 10, "output_scale": 0.25}
    held["synthesis"] |= {"num_fp16_res": 4, "_init_kwargs": options}
    for layer in range(mapping["num_layers"]):
        held[f"mapping.fc{layer}"] = {"activation": "lrelu", "bias_gain": 0.01}
    for name, said in layers.items():
        sizes = {side: np.array(said[side]) for side in ("in_size", "out_size")}
        held[f"synthesis.{name}"] = {**said, **sizes, "conv_clamp": 256, "magnitude_ema_beta": 0.99}
    return _tree("Generator", tensors, held, lambda module: False), golden


def official_discriminator(network: StyleGAN2Discriminator) -> Persistent:
    """A discriminator as the public programs pickle it."""
    config, spec = network.config, network.image_spec
    tensors = {
        _mapping(re.sub(r"^blocks\.(\d+)", r"b\1", name.replace("epilogue.", "b4."))): tensor
        for name, tensor in network.state_dict().items()
    }
    sizes = {"channel_base": config.channel_base, "channel_max": config.channel_max}
    top = {"c_dim": spec.label_dim, "img_resolution": spec.resolution, "img_channels": spec.channels}
    features = network.epilogue.out.weight.shape[0] if spec.label_dim else 0
    held: dict[str, dict[str, Any]] = {
        "": {**top, "_init_kwargs": sizes},
        "b4": {"cmap_dim": features, "architecture": config.architecture},
        "b4.mbstd": {"group_size": config.minibatch_group, "num_channels": config.minibatch_channels},
    }
    for side in resolutions_up_to(spec.resolution)[1:]:
        held[f"b{side}"] = {"architecture": config.architecture, "use_fp16": False}
        for layer in ("conv0", "conv1"):
            held[f"b{side}.{layer}"] = {"conv_clamp": config.clamp, "activation": "lrelu"}
    if spec.label_dim:
        held["mapping"] = {"num_layers": 8}
    return _tree("Discriminator", tensors, held, _has_filter)


def network_pickle(c_dim: int = 0, **others: Any) -> dict[str, Any]:
    """What stands in a network.pkl, ready to be pickled."""
    generator = official_generator(tiny_generator(c_dim))
    data = {"class_name": "training.dataset.ImageFolderDataset", "path": "/home/me/faces.zip", "use_labels": c_dim > 0}
    held = {"training_set_kwargs": data, "G": generator, "D": official_discriminator(tiny_discriminator(c_dim))}
    return {**held, "G_ema": generator, "augment_pipe": None, **others}


def augment_pipe(p: float) -> Persistent:
    """The augmentation's state: p, and filters that are of no use here."""
    buffers = {"p": torch.tensor(p), "Hz_geom": torch.ones(12)}
    return Persistent("AugmentPipe", {"_buffers": buffers, "_init_kwargs": {"xflip": 1, "rotate90": 1}})


def _mapping(name: str) -> str:
    return re.sub(r"^mapping\.layers\.(\d+)", r"mapping.fc\1", name)


def _has_filter(module: str) -> bool:
    return re.search(r"(^|\.)b(?!4$)\d+(\.conv[01])?$", module) is not None


def _tree(class_name: str, tensors: dict[str, Tensor], held: dict[str, dict[str, Any]], has_filter: Any) -> Persistent:
    """Flat names → nested modules, each with the state that the public programs' modules have."""
    names = {"", *held, *(name.rpartition(".")[0] for name in tensors)}
    names |= {".".join(name.split(".")[:count]) for name in names for count in range(1, name.count(".") + 1)}
    objects: dict[str, Persistent] = {}
    for name in sorted(names):
        state = {"_parameters": {}, "_buffers": {}, "_modules": {}, "_init_args": (), **held.get(name, {})}
        objects[name] = Persistent(class_name if not name else "Module", state)
        if has_filter(name):
            state["_buffers"]["resample_filter"] = setup_filter(RESAMPLE_TAPS)
        if name:
            parent, _, own = name.rpartition(".")
            objects[parent].state["_modules"][own] = objects[name]
    for name, tensor in tensors.items():
        module, _, own = name.rpartition(".")
        buffer = own in ("noise_const", "w_avg") or own.endswith("_filter")
        value = tensor if buffer else nn.Parameter(tensor.clone())
        objects[module].state["_buffers" if buffer else "_parameters"][own] = value
    return objects[""]


def rosinality_state(network: StyleGAN2Generator) -> dict[str, Tensor]:
    """A generator's state dict in the layout of rosinality's port; its mean of w stands elsewhere."""
    kernel = setup_filter(RESAMPLE_TAPS) * 4
    state: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        if match := re.fullmatch(r"mapping\.layers\.(\d+)\.(\w+)", name):
            state[f"style.{int(match[1]) + 1}.{match[2]}"] = tensor
        elif name == "blocks.0.const":
            state["input.input"] = tensor[None]
        elif match := re.fullmatch(r"blocks\.(\d+)\.(conv[01]|torgb)\.([\w.]+)", name):
            _put_layer(state, int(match[1]), match[2], match[3], tensor)
    for step in range(len(network.blocks) - 1):
        state[f"convs.{2 * step}.conv.blur.kernel"] = state[f"to_rgbs.{step}.upsample.kernel"] = kernel
    return state


def _put_layer(state: dict[str, Tensor], block: int, layer: str, own: str, tensor: Tensor) -> None:
    rgb = layer == "torgb"
    place = 2 * block - 2 + int(layer == "conv1")
    prefix = f"to_rgbs.{block - 1}" if rgb else f"convs.{place}"
    prefix = ("to_rgb1" if rgb else "conv1") if block == 0 else prefix
    if own == "noise_const":
        state[f"noises.noise_{place + 1 if block else 0}"] = tensor[None, None]
    elif own == "noise_strength":
        state[f"{prefix}.noise.weight"] = tensor[None]
    elif own == "weight":
        gain = 1.0 if rgb else (tensor.shape[1] * 9) ** 0.5
        state[f"{prefix}.conv.weight"] = tensor[None] * gain
    elif own == "bias":
        state[f"{prefix}.{'bias' if rgb else 'activate.bias'}"] = tensor.reshape(1, -1, 1, 1) if rgb else tensor
    else:
        state[f"{prefix}.conv.modulation.{own.removeprefix('affine.')}"] = tensor


def saved_by_torch(held: Any, *, as_zip: bool = True) -> bytes:
    """Bytes of torch.save in either of its formats."""
    buffer = io.BytesIO()
    torch.save(held, buffer, _use_new_zipfile_serialization=as_zip)
    return buffer.getvalue()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
