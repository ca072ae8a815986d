"""What is the alias-free design worth? EQ-T, EQ-T_frac and EQ-R of fresh StyleGAN3s against aliasing ones.

    python -m benchmarks.equivariance [--threads 2] [--samples 256] [--quick]

The variants replace the design's two parts: the nonlinearity acts on the layer's own grid instead of one twice as fine,
and the filters are [1,3,3,1] instead of Kaiser windows. Several initialisations each, the mean and the lowest are
told. The running magnitudes start at 1, where the signal of a deep network fades and every EQ would be flattered; one
pass sets them to what a batch shows, as a training soon would. Prints a table and writes
benchmarks/results/equivariance.json (not with --quick).
"""

import statistics
from dataclasses import replace
from typing import Any

import click
import torch

from benchmarks import record
from metrics.equivariance import METRICS, measure
from networks.interface import ImageSpec, Noise
from networks.snapshot_info import SnapshotInfo
from networks.stylegan3_generator import StyleGAN3Generator, StyleGAN3GeneratorConfig
from torch_utils import seeds as seeding
from torch_utils.ops.native import load_ops

CPU = torch.device("cpu")
RESOLUTION, WARM_UP = 64, 32
# As in the paper, R has twice the channels: its kernels are single pixels.
T = StyleGAN3GeneratorConfig(z_dim=64, w_dim=64, channel_base=1024, channel_max=64, magnitude_decay=0.0)
R = replace(T, channel_base=2048, channel_max=128, kernel_size=1, radial_filters=True)
COARSE, SHORT = {"lrelu_upsampling": 1}, {"filters": "binomial"}
ROWS: list[tuple[str, StyleGAN3GeneratorConfig]] = [
    ("T", T),
    ("T, filters [1,3,3,1]", replace(T, **SHORT)),
    ("T, lrelu upsampling 1", replace(T, **COARSE)),
    ("T, both", replace(T, **COARSE, **SHORT)),
    ("R", R),
    ("R, both", replace(R, **COARSE, **SHORT)),
]


def fresh(config: StyleGAN3GeneratorConfig, seed: int) -> StyleGAN3Generator:
    """Untrained, its running magnitudes (decay 0) those of one batch."""
    torch.manual_seed(seed)
    generator = config.build(ImageSpec(resolution=RESOLUTION)).eval().requires_grad_(False)
    z = seeding.latents(range(WARM_UP), config.z_dim)
    seen = generator.observed(generator.mapping(z), Noise())[1]
    assert seen is not None
    generator.track(seen)
    return generator


def row(name: str, config: StyleGAN3GeneratorConfig, initialisations: int, samples: int) -> dict[str, Any]:
    """Every EQ of one variant."""
    values: dict[str, list[float]] = {metric: [] for metric in METRICS}
    contrast = []
    for seed in range(initialisations):
        generator = fresh(config, seed)
        info = SnapshotInfo(image_spec=generator.image_spec, generator=config)
        for metric in METRICS:
            values[metric].append(measure(METRICS[metric], generator, info, samples).value)
        pictures = generator(seeding.latents(range(WARM_UP), config.z_dim))
        contrast.append(pictures.std().item())
    found: dict[str, Any] = {"network": name, "contrast": round(statistics.mean(contrast), 3)}
    for metric, each in values.items():
        found |= {metric: round(statistics.mean(each), 2), f"{metric}_lowest": round(min(each), 2)}
    return found | {"initialisations": initialisations, "samples": samples, "resolution": RESOLUTION}


@click.command()
@click.option("--threads", default=2, show_default=True, type=click.IntRange(min=1))
@click.option("--samples", default=256, show_default=True, type=click.IntRange(min=1), help="Pictures and moves.")
@click.option("--quick", is_flag=True, help="One initialisation, two pictures; nothing is written.")
def main(threads: int, samples: int, quick: bool) -> None:
    """Measure, print, write."""
    torch.set_num_threads(threads)
    load_ops("auto", CPU, print)
    initialisations, samples = (1, 2) if quick else (3, samples)
    print(f"{'':24} {'EQ-T':>7} {'EQ-T_frac':>10} {'EQ-R':>7} dB, {'contrast':>9}")
    rows = []
    for name, config in ROWS:
        found = row(name, config, initialisations, samples)
        rows.append(found)
        print(
            f"{name:24} {found['eq_t']:7.2f} {found['eq_t_frac']:10.2f} {found['eq_r']:7.2f} {found['contrast']:13.3f}"
        )
    if not quick:
        command = f"python -m benchmarks.equivariance --threads {threads} --samples {samples}"
        path = record.write("equivariance", command, threads, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
