"""Which network turns pictures into features: Inception by default, a known torch.export program, or a classifier."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from metrics import features
from torch_utils.errors import ConfigError
from torch_utils.exported import KNOWN_PROGRAMS, open_program
from torch_utils.text import one_line

_CPU_BATCH = 8  # more is no faster there, and a program may keep every activation
_GPU_BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Extractor:
    """A network from pictures to features, and how it is named in results.

    is_inception: the network FID is defined on; no file's name makes another one so.
    note: what a reader of a score must know of it; "" for nothing.
    """

    name: str
    sha256: str
    resize: str
    network: torch.nn.Module
    device: torch.device
    is_inception: bool
    note: str = ""

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """uint8 [N, C, H, W], C 1 or 3 → float32 features [N, D], on the CPU; grey is repeated to three channels.

        Raises:
            ConfigError: the network gives something else than one row of finite numbers a picture.
        """
        if pictures.dtype != torch.uint8:
            raise TypeError(f"features are of uint8 pictures, not {pictures.dtype}")
        colour = pictures.expand(-1, 3, -1, -1)
        batch = _CPU_BATCH if self.device.type == "cpu" else _GPU_BATCH
        rows = torch.cat([self.network(part.to(self.device)).float().cpu() for part in colour.split(batch)])
        if rows.ndim != 2 or len(rows) != len(pictures):
            raise ConfigError(
                f"extractor {self.name}: gives {list(rows.shape)} for {len(pictures)} pictures. Give one that makes "
                "uint8 [N,3,H,W] into [N,D]."
            )
        if not rows.isfinite().all():
            raise ConfigError(f"extractor {self.name}: gives features that are not finite. Use another one.")
        return rows

    def try_on(self, resolution: int) -> None:
        """Raise ConfigError unless it takes one and several pictures of this size."""
        for count in (1, 3):
            try:
                self(torch.zeros(count, 3, resolution, resolution, dtype=torch.uint8))
            except ConfigError:
                raise
            except Exception as error:  # an exported program refuses a shape in many ways
                raise ConfigError(
                    f"extractor {self.name}: does not take {count} pictures of {resolution}×{resolution} "
                    f"({one_line(error)}). Export it with dynamic N, H and W."
                ) from error


def load_extractor(
    *,
    exported: Path | None = None,
    exported_sha256: str | None = None,
    inception_weights: Path | None = None,
    device: torch.device | str = "cpu",
    resolution: int | None = None,
) -> Extractor:
    """Inception, or the exported program if one is given.

    Args:
        exported_sha256: needed for a program that is not in KNOWN_EXTRACTORS.
        inception_weights: torch-fidelity's file; without it, its own download.
        resolution: of the pictures to come; given, an exported program is tried on that size at once.

    Raises:
        ConfigError: a file that is missing, unknown or unusable, or weights that cannot be had.
    """
    device = torch.device(device)
    if exported is not None and inception_weights is not None:
        raise ConfigError("--extractor and --inception-weights: two networks. Give one of them.")
    if exported is not None:
        load = _load_classifier if exported.suffix == ".safetensors" else _load_exported
        extractor = load(exported, exported_sha256, device)
        if resolution is not None:
            extractor.try_on(resolution)
        return extractor
    if exported_sha256 is not None:
        raise ConfigError("--extractor-sha256: of no --extractor. Give --extractor FILE.pt2 too.")
    return _load_inception(inception_weights or features.published_weights(), device)


def _load_inception(weights: Path, device: torch.device) -> Extractor:
    network = features.inception(weights).to(device)
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    note = "" if digest.startswith(features.PUBLISHED_WEIGHTS) else "not the published Inception weights"
    return Extractor(
        name=features.INCEPTION,
        sha256=digest,
        resize="bilinear to 299 as in TensorFlow 1, inside torch-fidelity",
        network=network,
        device=device,
        is_inception=True,
        note=note,
    )


def _load_classifier(path: Path, expected: str | None, device: torch.device) -> Extractor:
    """A classifier of classify.py up to its head; its file runs no code, so its digest need not be known."""
    from classification.inference import ClassifierFeatures  # brings torchvision, which is slow to import
    from classification.snapshot import load_classifier

    classifier = load_classifier(path, device)
    info = classifier.info
    if expected is not None and expected.lower() != info.digest:
        raise ConfigError(
            f"--extractor {path}: its digest is {info.digest}, not --extractor-sha256 {expected}. Check both."
        )
    return Extractor(
        name=f"{info.model}_{info.label_set.name}",
        sha256=info.digest,
        resize=f"to {info.resize}, antialiased, the middle {info.size} of it",
        network=ClassifierFeatures(classifier),
        device=device,
        is_inception=False,
        note="features of a classifier trained on such pictures",
    )


def _load_exported(path: Path, expected: str | None, device: torch.device) -> Extractor:
    program, digest = open_program(path, expected)
    try:
        module = moved(program, device).module()
    except Exception as error:  # torch raises whatever the program's steps raise; the file is the user's
        raise ConfigError(
            f"--extractor {path}: cannot be used on {device} ({one_line(error)}). Give another .pt2 file."
        ) from error
    return Extractor(
        name=KNOWN_PROGRAMS.get(digest, path.stem),
        sha256=digest,
        resize="inside the program",
        network=features.register_program(f"exported-{digest}", module),
        device=device,
        is_inception=False,
    )


def moved(program: torch.export.ExportedProgram, device: torch.device) -> torch.export.ExportedProgram:
    """The program on a device: its tensors, and the device names that exporting wrote into its steps."""
    from torch.export.passes import move_to_device_pass

    if device.type == "cpu":
        return program
    if device.type == "cuda" and device.index is None:  # a step compares names, and "cuda" is not "cuda:0"
        device = torch.device("cuda", torch.cuda.current_device())
    return move_to_device_pass(program, device)
