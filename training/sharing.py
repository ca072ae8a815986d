"""How a batch is shared out: how many processes there are, on what, and how large their slices."""

from dataclasses import replace

import torch

from torch_utils import distributed
from torch_utils.errors import ConfigError
from training.config import RuntimeConfig, TrainConfig


def asked_runtime(base: RuntimeConfig, gpus: int | None, processes: int | None) -> RuntimeConfig:
    """`base` with the processes that --gpus and --processes ask for, or that a launcher has started.

    Raises:
        ConfigError: GPUs that are not there, or flags that contradict each other or the launcher.
    """
    if distributed.launched():
        return _launched_runtime(base, gpus, processes)
    gpus_asked = base.gpus if gpus is None else gpus
    if processes is not None and processes > 1 and gpus_asked:
        raise ConfigError(
            f"--processes {processes}: on GPUs there is one process each. Use --gpus {processes}, or --gpus 0 as well."
        )
    check_gpus(gpus_asked)
    if gpus_asked:
        return replace(base, gpus=gpus_asked, processes=1)
    return replace(base, gpus=0, processes=base.processes if processes is None else processes)


def _launched_runtime(base: RuntimeConfig, gpus: int | None, processes: int | None) -> RuntimeConfig:
    """What the launcher started, whatever an earlier part of the run had; flags may only say the same."""
    here, over_all = distributed.launched_on_this_machine(), distributed.launched_world_size()
    on_gpu = torch.cuda.is_available() if gpus is None else gpus > 0
    for flag, number in (("gpus", gpus or here), ("processes", here if processes is None else processes)):
        if number != here:
            raise ConfigError(
                f"--{flag} {number}: torchrun started {here} here. Leave --{flag} out, or --nproc-per-node {number}."
            )
    check_gpus(here if on_gpu else 0)
    return replace(base, gpus=over_all if on_gpu else 0, processes=1 if on_gpu else over_all)


def check_gpus(gpus: int) -> None:
    """Refuse more GPUs than this machine has; of those over several machines, its own share counts."""
    there = torch.cuda.device_count()
    gpus = min(gpus, distributed.launched_on_this_machine()) if distributed.launched() else gpus
    if gpus > there:
        raise ConfigError(f"--gpus {gpus}: torch sees {there} CUDA devices here. Use --gpus {there}.")


def batch_changes(
    config: TrainConfig, runtime: RuntimeConfig, batch: int | None, batch_gpu: int | None
) -> list[tuple[str, object]]:
    """Options of the schedule that follow from flags and the number of processes.

    --batch alone is shared out over the processes; --batch-gpu alone keeps the batch. Without either the batch stays;
    its slices too, unless they cannot be shared by that many.
    """
    ranks = runtime.ranks
    if batch is not None and (batch < 1 or batch % ranks):
        raise ConfigError(
            f"--batch {batch}: cannot be shared by {runtime.ranks_in_words}. Use a positive multiple of {ranks}."
        )
    changes: list[tuple[str, object]] = []
    if batch is not None:
        changes += [("schedule.batch_size", batch), ("schedule.batch_gpu", batch // ranks)]
    if batch_gpu is not None:
        changes.append(("schedule.batch_gpu", batch_gpu))
    if not changes and config.schedule.batch_size // config.schedule.batch_gpu % ranks:
        changes.append(("schedule.batch_gpu", _smaller_slice(config, runtime)))
    return changes


def _smaller_slice(config: TrainConfig, runtime: RuntimeConfig) -> int:
    """The largest slice, up to the present one, in which a process's part of the batch can be computed."""
    batch, ranks = config.schedule.batch_size, runtime.ranks
    if batch % ranks:
        raise ConfigError(
            f"schedule.batch_size: {batch} cannot be shared by {runtime.ranks_in_words}. Use a number that divides it."
        )
    part, group = batch // ranks, config.discriminator.minibatch_group
    sizes = range(min(part, config.schedule.batch_gpu), 0, -1)
    return next(size for size in sizes if part % size == 0 and size % min(group, size) == 0)
