"""Starting from another run's snapshot, with a report of what was taken over and what was not."""

from pathlib import Path

from torch import Tensor, nn

from networks.snapshot import read_snapshot
from torch_utils.errors import SnapshotError
from training.state import TrainingState

_LABELS = ".mapping.embed."  # in the names of tensors that read labels


def transfer(path: Path, state: TrainingState) -> list[str]:
    """Copy ema, generator and discriminator tensors of equal name and shape into the state.

    A snapshot without generator and discriminator (--snapshot-parts ema) gives its moving average to G. What read
    other labels is left out even where its shape fits: the columns would mean something else.

    Returns:
        A report: one line per network, naming every tensor that stays freshly initialised or is not used.
    Raises:
        SnapshotError: unreadable, of another kind of generator, or nothing in it fits (other sizes).
    """
    info, tensors = read_snapshot(path, prefixes=("ema.", "generator.", "discriminator."))
    kind, ours = info.generator.kind, state.config.generator.kind
    if kind != ours:
        raise SnapshotError(f"--resume {path}: its generator is {kind}, this run's {ours}. Use a preset of its kind.")
    if info.image_spec.label_sets != state.ema.image_spec.label_sets:
        tensors = {name: tensor for name, tensor in tensors.items() if _LABELS not in name}
    average = _part(tensors, "ema")
    lines = [f"transfer from {path.name} ({info.images_seen / 1000:g} kimg)"]
    lines.append(_copy(state.ema, average, "moving average", path))
    lines.append(_copy(state.players.generator, _part(tensors, "generator") or average, "G", path))
    if discriminator := _part(tensors, "discriminator"):
        lines.append(_copy(state.players.discriminator, discriminator, "D", path))
    else:
        lines.append("  D: none in the snapshot, freshly initialised")
    return lines


def _part(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): t for name, t in tensors.items() if name.startswith(f"{part}.")}


def _copy(network: nn.Module, tensors: dict[str, Tensor], title: str, path: Path) -> str:
    own = network.state_dict()
    fitting = {name: t for name, t in tensors.items() if name in own and own[name].shape == t.shape}
    fresh = [name for name in own if name not in fitting]
    unused = [name for name in tensors if name not in fitting]
    if len(fitting) < len(tensors) / 2:
        raise SnapshotError(
            f"--resume {path}: only {len(fitting)} of its {len(tensors)} tensors of {title} fit this network "
            f"(first that does not: {unused[0]}). Use the preset and options it was trained with."
        )
    network.load_state_dict(fitting, strict=False)
    line = f"  {title}: {len(fitting)} of {len(own)} tensors taken over"
    if fresh:
        line += f"; freshly initialised: {', '.join(fresh)}"
    if unused:
        line += f"; not used: {', '.join(unused)}"
    return line
