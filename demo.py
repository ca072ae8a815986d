"""The whole job on drawn faces, in minutes: draw, pack, train, look. Runs the commands a user would type."""

import shlex
import subprocess
import sys
import time
from pathlib import Path

import click
from PIL import Image

from torch_utils.cli import run
from torch_utils.files import atomic_write

HERE = Path(__file__).parent
CPU_PLAN = {"count": "2000", "resolution": "32", "cfg": "demo"}
GPU_PLAN = {"count": "8000", "resolution": "128", "cfg": "kaokore", "kimg": "400"}
GAP, SCALED_TO = 16, 768


@click.command(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.option("--folder", type=click.Path(path_type=Path), help="Where everything goes. Default: demo, or demo-gpu.")
@click.option("--kimg", type=click.FloatRange(min=0.001), help="Train longer or shorter than the demo does.")
@click.option("--cpu", is_flag=True, help="Take the small demo even if there is a GPU.")
@click.option("--ops", type=click.Choice(["auto", "cuda", "reference"]), help="As of train.py. Default: auto.")
def main(folder, kimg, cpu, ops):
    """Draw faces, pack them, train a small StyleGAN on them, and put its uncurated grid beside the reals.

    Five to seven minutes on two cores; on a GPU a larger demo at 128 pixels. The same command goes on where it stopped.
    """
    started = time.time()
    on_gpu = not cpu and _has_gpu()
    plan = GPU_PLAN if on_gpu else CPU_PLAN
    folder = folder or Path("demo-gpu" if on_gpu else "demo")
    faces, run_folder, grid = folder / "faces.zip", folder / "run", folder / "grid.png"
    if not faces.exists():
        _step("dataset_tool.py", "demo", "--out", faces, "--count", plan["count"], "--resolution", plan["resolution"])
    length = kimg or plan.get("kimg")
    limits = ["--kimg", length] if length else []
    bodies = ["--ops", ops] if ops else []
    training = ["--data", faces, "--outdir", run_folder, "--cfg", plan["cfg"], "--gpus", int(on_gpu), *limits]
    _step("train.py", *training, *bodies)
    snapshot = max(run_folder.glob("snapshot-*.safetensors"), key=_kimg_of)
    _step("generate.py", "--network", snapshot, "--out", grid, *bodies)
    if on_gpu:
        _step("evaluate.py", "--network", snapshot, "--data", faces, "--metrics", "fid5k", *bodies, must_succeed=False)
    sheet = folder / "reals-and-fakes.png"
    _side_by_side(run_folder / "reals.png", grid, sheet)
    click.echo(
        f"\ndone in {(time.time() - started) / 60:.1f} minutes\n"
        f"  {sheet}: drawn faces on the left, generated ones on the right, none of them chosen\n"
        f"  {grid}: seeds 0 to 63 alone\n"
        "next:\n"
        f"  python generate.py --network {snapshot} --out calmer.png --trunc 0.7\n"
        f"  python train.py --data {faces} --outdir {run_folder} --gpus {int(on_gpu)} --kimg 500   # train on\n"
        "  python dataset_tool.py pack YOUR_FOLDER --out yours.zip --resolution 64       # your own pictures"
    )


def _kimg_of(snapshot: Path) -> float:
    return float(snapshot.stem.removeprefix("snapshot-"))


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _step(script: str, *arguments: object, must_succeed: bool = True) -> None:
    """Show a command and run it; its own messages say what is wrong."""
    words = [script, *map(str, arguments)]
    click.echo(f"\n$ python {shlex.join(words)}")
    status = subprocess.run([sys.executable, HERE / script, *words[1:]], check=False).returncode
    if status and must_succeed:
        raise click.exceptions.Exit(status)


def _side_by_side(left: Path, right: Path, out: Path) -> None:
    """Two grids of the same size next to each other, enlarged without smoothing."""
    with Image.open(left) as reals, Image.open(right) as fakes:
        scale = max(1, SCALED_TO // reals.width)
        size = (reals.width * scale, reals.height * scale)
        sheet = Image.new("RGB", (2 * size[0] + GAP, size[1]), "white")
        sheet.paste(reals.resize(size, Image.Resampling.NEAREST), (0, 0))
        sheet.paste(fakes.resize(size, Image.Resampling.NEAREST), (size[0] + GAP, 0))
    with atomic_write(out) as temporary:
        sheet.save(temporary, format="PNG")


if __name__ == "__main__":
    run(main)
