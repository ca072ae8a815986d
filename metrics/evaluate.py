"""What evaluate.py does: a snapshot (or another archive) against an archive."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dataset.archive import Archive
from metrics.extractors import load_extractor
from metrics.reference import DEFAULT_CACHE
from metrics.score import Result, parse_names, score
from networks.snapshot import LoadedGenerator, load_generator
from sampling.labels import labels_for_seeds
from sampling.pictures import generate_pictures
from torch_utils import seeds as seeding
from torch_utils.devices import pick_device
from torch_utils.errors import ConfigError
from torch_utils.files import write_text


@dataclass(frozen=True, kw_only=True)
class Request:
    """A command line of evaluate.py; the fields are its options."""

    data: Path
    network: Path | None = None
    compare: Path | None = None
    metrics: str = "fid"
    num_samples: int | None = None
    split: str | None = None
    extractor: Path | None = None
    extractor_sha256: str | None = None
    inception_weights: Path | None = None
    seed: int = 0
    psi: float = 1.0
    batch: int = 32
    device: str = "auto"
    out: Path | None = None
    cache: Path | None = None


def evaluate(request: Request) -> list[Result]:
    """Score as asked and, with `out`, write the results as JSON.

    Raises:
        UserError: for whatever is missing, before pictures are generated.
    """
    if (request.network is None) == (request.compare is None):
        raise ConfigError("nothing to score, or two things. Give either --network SNAPSHOT or --compare ARCHIVE.")
    names = [name.strip() for name in request.metrics.split(",")]
    parse_names(names)
    real = Archive.open(request.data)
    device = pick_device(request.device)
    if request.network is not None:
        fakes, about, trained_on = _of_snapshot(load_generator(request.network, device), real, request)
    else:
        fakes, about, trained_on = _of_archive(Archive.open(request.compare or ""), real, request)
    split = request.split or trained_on
    real.indices(split)
    extractor = load_extractor(
        exported=request.extractor,
        exported_sha256=request.extractor_sha256,
        inception_weights=request.inception_weights,
        device=device,
    )
    results = score(
        names,
        real=real,
        split=split,
        fakes=fakes,
        extractor=extractor,
        num_samples=request.num_samples,
        seed=request.seed,
        cache=request.cache or DEFAULT_CACHE,
        about=about,
    )
    if request.out is not None:
        write_text(request.out, json.dumps([result.to_json() for result in results], indent=2) + "\n")
    return results


def _of_snapshot(loaded: LoadedGenerator, real: Archive, request: Request):
    spec = loaded.info.image_spec
    if spec.resolution != real.resolution:
        raise ConfigError(
            f"{real.path.name} holds {real.resolution}-pixel pictures, {loaded.path.name} makes "
            f"{spec.resolution}-pixel ones. Pack the data with --resolution {spec.resolution}."
        )

    def fakes(count: int) -> Iterator[Tensor]:
        # Seeds far from those of the grids, and from those of another --seed.
        first = seeding.derive(request.seed, "evaluation") % 2**40
        seeds = list(range(first, first + count))
        labels = labels_for_seeds(loaded.info, seeds)
        return generate_pictures(loaded.network, seeds, labels, psi=request.psi, noise="random", batch=request.batch)

    about = {
        "network": loaded.path.name,
        "network_sha256": loaded.info.digest,
        "images_seen": loaded.info.images_seen,
        "psi": request.psi,
        "noise_mode": "random",
    }
    trained_on = loaded.info.data.get("split")
    return fakes, about, trained_on if trained_on in real.split_names else None


def _of_archive(other: Archive, real: Archive, request: Request):
    if other.resolution != real.resolution:
        raise ConfigError(
            f"--compare {other.path.name}: {other.resolution}-pixel pictures against {real.resolution}. Pack one again."
        )

    def fakes(count: int) -> Iterator[Tensor]:
        if count > len(other):
            raise ConfigError(f"--compare {other.path.name}: {len(other)} pictures, {count} asked. Use --num-samples.")
        order = torch.randperm(len(other), generator=seeding.generator(request.seed, "compare"))[:count].numpy()
        return (other.load(order[start : start + request.batch]) for start in range(0, count, request.batch))

    return fakes, {"compared": other.path.name, "compared_digest": other.digest}, None
