"""What is painted: the faces a snapshot generates."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from networks.snapshot import load_generator
from painting.references import Reference
from painting.strokes import SMALLEST
from sampling.generate import parse_seeds
from sampling.labels import class_names, labels_for_seeds
from sampling.pictures import check_psi, generate_pictures
from sampling.provenance import provenance
from torch_utils.errors import ConfigError
from torch_utils.labels import parse_choices


def generated(network: Path, seeds: str, *, psi: float = 1.0, classes: Sequence[str] = ()) -> Iterator[Reference]:
    """Faces of a snapshot, one for each seed, as generate.py shows them.

    Raises:
        ConfigError, SnapshotError: before the first is generated.
    """
    check_psi(psi)
    numbers = parse_seeds(seeds)
    loaded = load_generator(network)
    if loaded.info.image_spec.resolution < SMALLEST:
        raise ConfigError(f"{network}: makes pictures of less than {SMALLEST} pixels. Use a larger network.")
    labels = labels_for_seeds(loaded.info, numbers, parse_choices(classes, loaded.info.image_spec.label_sets))

    def pictures() -> Iterator[Reference]:
        for index, seed in enumerate(numbers):
            row = labels[index : index + 1]
            picture = next(generate_pictures(loaded.network, [seed], row, psi=psi))[0]
            about = provenance(
                loaded, [seed], psi=psi, noise="const", classes=class_names(loaded.info, row[0].tolist())
            )
            shown = picture.expand(3, -1, -1).permute(1, 2, 0).cpu().numpy()
            yield Reference(f"seed{seed:06d}", np.ascontiguousarray(shown), about)

    return pictures()
