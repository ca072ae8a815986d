"""How fast do agents paint and learn on one thread?

    python -m benchmarks.agents_cpu [--data k32.zip] [--agent agent.safetensors] [--quick]

A full-size agent of Learning to Paint with the analytic rasteriser at 128 pixels, beside the plain twin of the
rasteriser; a toy agent of 32 pixels that learns for a minute on drawn faces (or those of --data), measured on others,
and its strokes drawn at 128; with --agent, a trained one instead, on those faces of --data that it has not seen.
Times are processor seconds. Prints, and writes benchmarks/results/agents_cpu.json or, with --agent,
trained_agent_cpu.json (not with --quick).
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor

from benchmarks import record
from benchmarks.painting_cpu import seconds
from dataset.archive import Archive
from dataset.pack_demo import pack_drawn_faces
from painting import plain
from painting.agents.agent_file import AgentInfo, LoadedAgent, load_agent
from painting.agents.analytic import AnalyticLearner
from painting.agents.config import AgentConfig
from painting.agents.faces import Faces, read_faces
from painting.agents.measure import errors
from painting.agents.options import PRESETS
from painting.agents.painter import AgentPainter
from painting.agents.resnet import ResnetPolicy
from painting.brushes import brush_named
from painting.canvas import Canvas
from torch_utils.memory import keep_freed_memory

BLACK = torch.zeros(3)
LEARNING = 60.0  # seconds


def full_size(looks: int) -> dict[str, Any]:
    """Strokes a second of Learning to Paint's agent at its own size, and of the plain rasteriser alone."""
    torch.manual_seed(0)
    policy = ResnetPolicy(brush_named("bezier"), 128, 5, 40).eval()
    agent = LoadedAgent(policy, AgentInfo(config=AgentConfig(size=128)), Path())
    reference, strokes = torch.rand(3, 128, 128), 5 * looks
    spent = seconds(lambda: list(AgentPainter(agent, reference, BLACK, strokes=strokes).run()), 3)
    some = torch.rand(10, 13)
    slow = seconds(lambda: plain.paint(policy.brush, some, BLACK, Canvas(128, 128)), 1) / len(some)
    return {
        "what": "full-size agent",
        "side": 128,
        "strokes": strokes,
        "strokes_a_second": round(strokes / spent, 1),
        "plain_rasteriser_ratio": round(slow / (spent / strokes), 2),
    }


def toy(faces: Faces, learning: float) -> dict[str, Any]:
    """Learn for so many seconds; errors on faces held out, before and after, and drawn four times as large."""
    config = PRESETS["analytic", "quick"]
    torch.manual_seed(0)
    learner = AnalyticLearner(config, faces)
    empty = (faces.held.float() / 255).square().mean().item()
    untrained = errors(learner.used, faces.held, config.background)["l2"]
    started, updates = time.process_time(), 0
    while time.process_time() - started < learning:
        learner.update(updates)
        updates += 1
    trained = errors(learner.used, faces.held, config.background)["l2"]
    agent = LoadedAgent(learner.used, AgentInfo(config=config), Path())
    small, large = (at_size(agent, faces.held[:8], side) for side in (config.size, 4 * config.size))
    return {
        "what": "toy agent",
        "side": config.size,
        "cpu_s": learning,
        "updates": updates,
        "l2_empty": round(empty, 5),
        "l2_untrained": round(untrained, 5),
        "l2": round(trained, 5),
        "falls": round(empty / trained, 1),
        "gap_at_four_times_the_size": round(large / small, 3),
    }


def at_size(agent: LoadedAgent, pictures: Tensor, side: int) -> float:
    """Mean squared error of paintings of pictures enlarged (bilinearly) to a side; uint8 [N, 3, size, size]."""
    found = []
    for picture in pictures:
        reference = torch.nn.functional.interpolate(picture[None].float() / 255, size=(side, side), mode="bilinear")[0]
        course = list(AgentPainter(agent, reference, BLACK, strokes=agent.info.config.strokes).run())
        found.append(course[-1].loss)
    return sum(found) / len(found)


def trained(path: Path, archive: Archive) -> dict[str, Any]:
    """A trained agent on pictures it was not taught: its course, and strokes a second at its own size."""
    agent = load_agent(path)
    config = agent.info.config
    held = [archive.names.index(name) for name in agent.info.data["held_out"]]
    pictures = archive.load(torch.tensor(held).numpy()).expand(-1, 3, -1, -1)
    started = time.process_time()
    found = errors(agent.policy, pictures, config.background)
    spent = time.process_time() - started
    return {
        "what": "trained agent",
        "method": config.method.kind,
        "side": config.size,
        "faces": len(held),
        "strokes": config.strokes,
        "strokes_a_second": round(config.strokes * len(held) / spent, 1),
        **{name: round(value, 5) for name, value in found.items()},
    }


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Archive of faces. Default: drawn ones.")
@click.option(
    "--agent", type=click.Path(path_type=Path), help="A trained agent; --data is then what it was trained on."
)
@click.option("--quick", is_flag=True, help="Little of everything; nothing is written.")
def main(data: Path | None, agent: Path | None, quick: bool) -> None:
    """Measure, print, write."""
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = [full_size(1 if quick else 40)]
    print(rows[-1], flush=True)
    with tempfile.TemporaryDirectory() as folder:
        if data is None:
            pack_drawn_faces(Path(folder) / "drawn.zip", count=40 if quick else 600, resolution=32, seed=0)
        archive = Archive.open(data or Path(folder) / "drawn.zip")
        if agent is None or quick:
            faces = read_faces(archive, 32, 4 if quick else 64, 0)
            rows.append(toy(faces, 1.0 if quick else LEARNING))
            print(rows[-1], flush=True)
        if agent is not None:
            rows.append(trained(agent, archive))
            print(rows[-1])
    if not quick:
        command = "python -m benchmarks.agents_cpu"
        command += f" --data {data.name}" if data else ""
        command += f" --agent {agent.name}" if agent else ""
        path = record.write("trained_agent_cpu" if agent else "agents_cpu", command, 1, rows)
        print(f"written: {path.relative_to(record.REPOSITORY)}")


if __name__ == "__main__":
    main()
