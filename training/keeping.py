"""Which snapshots of a run stay: the newest, the best by each score, milestones."""

import json
from pathlib import Path

from metrics.equivariance import is_equivariance

_PREFIX = "metrics/"  # of scores in stats.jsonl


def told_scores(folder: Path) -> dict[str, dict[int, float]]:
    """The scores that stats.jsonl tells of: by metric, by images seen."""
    found: dict[str, dict[int, float]] = {}
    path = folder / "stats.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for line in lines:
        try:
            values = json.loads(line)
        except ValueError:  # the last one, half written
            continue
        for name, value in values.items():
            if name.startswith(_PREFIX) and value is not None:
                found.setdefault(name.removeprefix(_PREFIX), {})[round(values["kimg"] * 1000)] = value
    return found


def best(metric: str, scores: dict[int, float]) -> int:
    """Images seen at a metric's best score, the highest of an EQ, else the lowest; of equal ones the earliest."""
    sign = -1 if is_equivariance(metric) else 1
    return min(scores, key=lambda images: (sign * scores[images], images))


def drop_snapshots(folder: Path, *, keep: int, milestone_kimg: float) -> list[Path]:
    """Delete a run's snapshots except those that stay; returns what was deleted.

    Args:
        keep: so many of the newest stay; 0 keeps all.
        milestone_kimg: every so-many thousand images one stays; 0 for none.
    """
    there = {_images_of(path): path for path in folder.glob("snapshot-*.safetensors")}
    newest = sorted(there)[-keep:] if keep else list(there)
    stay = {*newest, *(best(metric, scores) for metric, scores in told_scores(folder).items())}
    if milestone_kimg:
        stay |= {images for images in there if images % round(milestone_kimg * 1000) == 0}
    dropped = [path for images, path in sorted(there.items()) if images not in stay]
    for path in dropped:
        path.unlink(missing_ok=True)
    return dropped


def _images_of(path: Path) -> int:
    """snapshot-000012.5.safetensors → 12500"""
    return round(float(path.name.removeprefix("snapshot-").removesuffix(".safetensors")) * 1000)
