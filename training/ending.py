"""What a finished run says at the end: what was trained, where it is, how good it is, how to go on."""

import shlex
from pathlib import Path

from metrics.equivariance import is_equivariance
from training.keeping import best, told_scores
from training.outputs import saved_config, snapshot_path
from training.run import RunResult


def exit_report(run: RunResult) -> list[str]:
    """Lines for the screen."""
    config = saved_config(run.folder)
    assert config is not None, "a run has saved its options"
    trained = f"{Path(config.data.path).name}, preset {config.preset}"
    lines = [f"done: {run.images_seen / 1000:g} kimg of {trained}, in {run.folder}"]
    scores = told_scores(run.folder)
    for metric, values in scores.items():
        top, last = best(metric, values), max(values)
        line = f"{metric}: best {values[top]:.4f} at {top / 1000:g} kimg"
        lines.append(line if top == last else f"{line}, last {values[last]:.4f} at {last / 1000:g} kimg")
    if run.snapshot is not None:
        path = run.snapshot
        of_quality = [(metric, values) for metric, values in scores.items() if not is_equivariance(metric)]
        if of_quality:  # the first metric asked for decides
            path = snapshot_path(run.folder, best(*of_quality[0]))
            path = path if path.exists() else run.snapshot
        lines.append(f"next: python generate.py --network {shlex.quote(str(path))} --out grid.png")
    return lines
