"""The files of a run folder: config, pictures, snapshots."""

import json
from pathlib import Path

import torch

from networks.snapshot import SnapshotInfo, read_snapshot
from sampling.labels import labels_for_seeds
from sampling.pictures import generate_pictures
from torch_utils.config import from_json, to_json
from torch_utils.errors import ConfigError
from torch_utils.files import write_text
from torch_utils.images import grid, write_png
from torch_utils.version import PROJECT_VERSION
from training.config import TrainConfig
from training.state import TrainingState

CONFIG = "config.json"
_GRID_PIXELS = 1024  # a grid is about this wide, whatever the resolution


def save_config(folder: Path, config: TrainConfig) -> None:
    """Write the resolved options."""
    write_text(folder / CONFIG, json.dumps(to_json(config), indent=2) + "\n")


def saved_config(folder: Path) -> TrainConfig | None:
    """The options a run folder was trained with; None for a new folder."""
    path = folder / CONFIG
    if not path.exists():
        return None
    try:
        return from_json(TrainConfig, json.loads(path.read_text(encoding="utf-8")))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not readable ({error}). Choose another --outdir.") from error


def grid_side(resolution: int) -> int:
    """Pictures along a side of a run's grids: 8 for small pictures, fewer for large ones."""
    return max(4, min(8, _GRID_PIXELS // resolution))


def save_reals(folder: Path, state: TrainingState) -> None:
    """reals.png: a random grid of the training pictures."""
    side = grid_side(state.players.data.resolution)
    pictures = state.players.data.first_pictures(side * side, state.config.runtime.seed)
    write_png(folder / "reals.png", grid(pictures, side))


def save_fakes(folder: Path, state: TrainingState, info: SnapshotInfo, name: str) -> Path:
    """fakes-….png: the uncurated grid of seeds 0, 1, 2, … without truncation."""
    side = grid_side(state.players.data.resolution)
    seeds = list(range(side * side))
    labels = labels_for_seeds(info, seeds)
    batch = max(state.config.schedule.batch_gpu, 16)
    pictures = torch.cat([part.cpu() for part in generate_pictures(state.ema, seeds, labels, batch=batch)])
    path = folder / f"fakes-{name}.png"
    text = {"seeds": f"0-{side * side - 1}", "psi": "1", "images_seen": str(state.images_seen)}
    licence = {f"data_{key}": str(info.data[key]) for key in ("licence", "attribution") if info.data.get(key)}
    write_png(path, grid(pictures, side), text | licence)
    return path


def snapshot_info(state: TrainingState, data: dict[str, str | None], metrics: dict[str, float]) -> SnapshotInfo:
    """What a snapshot of this state says of itself."""
    return SnapshotInfo(
        image_spec=state.ema.image_spec,
        generator=state.config.generator,
        images_seen=state.images_seen,
        label_counts=state.players.data.label_counts() if state.players.data.label_sets else (),
        data=dict(data),
        config=to_json(state.config),
        metrics=metrics,
        project_version=PROJECT_VERSION,
    )


def snapshot_parts(state: TrainingState) -> dict[str, dict[str, torch.Tensor]]:
    """What a snapshot holds: the moving average, and what transfer needs unless --snapshot-parts ema."""
    parts = {"ema": state.ema.state_dict()}
    if state.config.runtime.snapshot_parts == "all":
        parts["generator"] = state.players.generator.state_dict()
        parts["discriminator"] = state.players.discriminator.state_dict()
        parts["augment"] = {"p": torch.tensor(state.players.augment_p)}
    return parts


def saved_metrics(folder: Path, images_seen: int) -> dict[str, float]:
    """The scores that stand in the snapshot of an image count; none where there is no such snapshot."""
    path = snapshot_path(folder, images_seen)
    return dict(read_snapshot(path, prefixes=("ema.",))[0].metrics) if path.exists() else {}


def snapshot_path(folder: Path, images_seen: int) -> Path:
    """snapshot-<kimg>.safetensors"""
    return folder / f"snapshot-{kimg_name(images_seen)}.safetensors"


def kimg_name(images_seen: int) -> str:
    """Thousands of images as six digits, with a fraction where there is one: 000040, 000000.4."""
    whole, rest = divmod(images_seen, 1000)
    return f"{whole:06d}" + (f".{rest:03d}".rstrip("0") if rest else "")
