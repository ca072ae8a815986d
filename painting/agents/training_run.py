"""Training an agent, from its options to a file; a stopped training goes on where it stopped."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from dataset.archive import Archive
from painting.agents.agent_file import AgentInfo, save_agent
from painting.agents.config import AgentConfig
from painting.agents.faces import read_faces
from painting.agents.learner import Learner
from painting.agents.measure import errors
from painting.agents.methods import learner as learner_of
from torch_utils import seeds as seeding
from torch_utils.checkpoint_file import filling, read_checkpoint, write_checkpoint
from torch_utils.curves import open_curves
from torch_utils.errors import DivergedError, SnapshotError
from torch_utils.files import sweep, write_text
from torch_utils.folder_lock import only_writer
from torch_utils.interrupts import SAVE, Interrupts
from torch_utils.log import Log
from torch_utils.same_run import check_same, write_config

AGENT, STATS, CHECKPOINT = "agent.safetensors", "stats.jsonl", "checkpoint.pt"
FORMAT = "kaokore-stylegan agent checkpoint 1"
MAY_CHANGE = ("every",)  # of the options, when a training goes on


@dataclass
class Run:
    """A training under way.

    Attributes:
        step: updates done.
        history: a dict of numbers for each measurement.
        sums: of what updates reported since the last one, by name, float64.
    """

    config: AgentConfig
    learner: Learner
    folder: Path
    data: dict[str, Any]
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, torch.Tensor] = field(default_factory=dict)
    summed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a training ended; `interrupted` is the exit status of the signal that stopped it, 0 where it ended itself."""

    agent: Path
    updates: int
    metrics: dict[str, float]
    interrupted: int = 0


def train(
    config: AgentConfig,
    archive: Archive,
    folder: Path,
    device: torch.device,
    log: Callable[[str], None] | None = None,
) -> TrainResult:
    """Train, or go on with what the folder holds; on CPU a stopped and resumed run ends bit-equal to an unbroken one.

    Raises:
        ConfigError: the folder holds a run with other options.
        UserError: pictures or checkpoint that cannot be used.
    """
    own = [device] if device.type == "cuda" else []
    with only_writer(folder), torch.random.fork_rng(devices=own), Interrupts() as interrupts:
        sweep(folder)
        check_same(folder, config, MAY_CHANGE)
        faces = read_faces(archive, config.size, config.holdout, config.seed).to(device)
        torch.manual_seed(seeding.derive(config.seed, "weights"))
        run = Run(config, learner_of(config, faces), folder, _data_words(archive, faces.names))
        log = log or Log(folder / "log.txt")
        if _resume(run):
            log(f"going on after {run.step} of {config.updates} updates")
        else:
            write_config(folder, config)
            weights = sum(weight.numel() for weight in run.learner.policy.parameters())
            log(f"{config.method.kind}, {config.brush}, {weights / 1e6:.2f} million weights, {device.type}")
            log(f"pictures: {len(faces.learnt)} to learn from, {len(faces.held)} held out, {config.size} pixels")
        return _run(run, interrupts, log)


def _run(run: Run, interrupts: Interrupts, log: Callable[[str], None]) -> TrainResult:
    curves = open_curves(run.folder / "tensorboard", run.step + 1)
    bar = tqdm(total=run.config.updates, initial=run.step, unit="update", disable=not sys.stderr.isatty(), leave=False)
    started, begun = time.perf_counter(), run.step
    with bar:
        while run.step < run.config.updates:
            _update(run)
            bar.update()
            if run.step % run.config.every == 0 or run.step == run.config.updates:
                numbers = _measure(run)
                for name, value in numbers.items():
                    curves.add_scalar(name, value, run.step)
                speed = (time.perf_counter() - started) / (run.step - begun)
                log(_line(run, numbers, speed))
                bar.set_postfix_str(f"held-out L2 {numbers['l2']:.4f}", refresh=False)
                _save(run)
            if request := interrupts.take():
                _save_checkpoint(run)
                if request != SAVE:
                    curves.close()
                    return _result(run, request)
    curves.close()
    return _result(run, 0)


def _update(run: Run) -> None:
    torch.manual_seed(seeding.derive(run.config.seed, "update", run.step))
    reported = run.learner.update(run.step)
    run.step += 1
    run.summed += 1
    for name, value in reported.items():
        run.sums[name] = run.sums.get(name, torch.zeros((), dtype=torch.float64)) + value.detach().double().cpu()


def _measure(run: Run) -> dict[str, float]:
    """Errors on held-out pictures and means of what was reported, noted in the history.

    Raises:
        DivergedError: a number that is not finite.
    """
    numbers: dict[str, float] = {"update": run.step}
    numbers |= {name: value.item() / run.summed for name, value in run.sums.items()}
    numbers |= errors(run.learner.used, run.learner.faces.held, run.config.background)
    if not all(abs(value) < float("inf") for value in numbers.values()):
        raise DivergedError(
            f"update {run.step}: {numbers} is not finite. Start again with a lower --set method.lr "
            f"(it is {run.config.method.lr:g})."
        )
    run.sums, run.summed = {}, 0
    run.history.append(numbers)
    return numbers


def _save(run: Run) -> None:
    """What was measured, the agent, and the checkpoint last: a killed run goes on before them and writes them again."""
    write_text(run.folder / STATS, "".join(json.dumps(line) + "\n" for line in run.history))
    metrics = {name: value for name, value in run.history[-1].items() if name.startswith("l2")}
    info = AgentInfo(config=run.config, updates=run.step, metrics=metrics, data=run.data)
    save_agent(run.folder / AGENT, info, run.learner.used.state_dict())
    _save_checkpoint(run)


def _save_checkpoint(run: Run) -> None:
    contents = {"format": FORMAT, "step": run.step, "history": run.history, "sums": run.sums, "summed": run.summed}
    contents |= {"learner": run.learner.contents(), "threads": torch.get_num_threads()}
    contents["data"] = run.data["digest"]
    write_checkpoint(run.folder / CHECKPOINT, contents)


def _resume(run: Run) -> bool:
    """Fill a run from its folder's checkpoint; False if there is none.

    Raises:
        SnapshotError: it is damaged, or of another training, or of other pictures.
    """
    path = run.folder / CHECKPOINT
    if not path.exists():
        return False
    contents = read_checkpoint(path, FORMAT)
    if contents.get("data", run.data["digest"]) != run.data["digest"]:
        raise SnapshotError(
            f"{path}: learnt from other pictures than {run.data['name']} holds now. "
            f"Give the same ones, or another --outdir."
        )
    with filling(path):
        run.learner.fill(contents["learner"])
        run.step, run.history = contents["step"], contents["history"]
        run.sums, run.summed = contents["sums"], contents["summed"]
        torch.set_num_threads(contents["threads"])  # sums round by it
    return True


def _data_words(archive: Archive, held: tuple[str, ...]) -> dict[str, Any]:
    return {
        "name": Path(archive.path).name,
        "digest": archive.digest,
        "source": archive.source,
        "licence": archive.licence,
        "attribution": archive.attribution,
        "held_out": list(held),
    }


def _line(run: Run, numbers: dict[str, float], seconds: float) -> str:
    told = "  ".join(f"{name} {value:.4f}" for name, value in numbers.items() if name != "update")
    return f"update {run.step:6}/{run.config.updates}  {told}  {seconds:.2f} s an update"


def _result(run: Run, status: int) -> TrainResult:
    last = run.history[-1] if run.history else {}
    metrics = {name: value for name, value in last.items() if name.startswith("l2")}
    return TrainResult(agent=run.folder / AGENT, updates=run.step, metrics=metrics, interrupted=status)
