"""Paint faces stroke by stroke, and draw painted strokes again at any size."""

from pathlib import Path

import click

from torch_utils.cli import run

_PATH = click.Path(path_type=Path)
_SETTINGS = {"help_option_names": ["-h", "--help"], "show_default": True}
_TO = "Comma-separated: final, sheet, gif, mp4, svg, steps (a picture after each stroke), or all."


@click.group(context_settings=_SETTINGS)
def main():
    """Paint faces stroke by stroke, as the KaoKore paper shows them.

    \b
    python paint.py paint face.png --method ltp --strokes 100
    python paint.py paint --network S.safetensors --seeds 0-7 --method ist
    python paint.py render out/face/strokes.json --size 2048 --to final,svg
    """


@main.command(context_settings=_SETTINGS)
@click.argument("images", nargs=-1, type=_PATH)
@click.option("--network", type=_PATH, help="Paint faces of this snapshot instead of pictures.")
@click.option("--seeds", help="Seeds of these faces: 0-7 or 1,5,9-12. Default: 0.")
@click.option("--trunc", "psi", default=1.0, type=float, help="Truncation psi of these faces.")
@click.option(
    "--class", "classes", multiple=True, help="Class of these faces, e.g. status=warrior; once per label set."
)
@click.option("--method", default="ltp", help="ltp: regions. ist: pencil. ltp-agent, ist-agent: see --agent.")
@click.option("--agent", type=_PATH, help="Trained agent (.safetensors) that paints: see train-agent.")
@click.option("--divide", default=1, type=int, help="An agent then paints each of D times D parts, too.")
@click.option("--refine", default=0, type=int, help="Steps of direct optimisation after an agent has painted.")
@click.option("--strokes", type=int, help="How many. Default: ltp 100, ist 600, an agent's own.")
@click.option("--brush", help="bezier, pencil, ink or dry instead of the method's own.")
@click.option(
    "--content", help="Held against the reference: squared, pyramid, FILE.safetensors or vgg16:FILE (see above)."
)
@click.option("--pyramid", type=float, help="Weight of the pyramid beside features; 0 for none.  [default: 1]")
@click.option("--size", default=128, type=int, help="Shorter side of the canvas it is painted on, in pixels.")
@click.option("--background", help="Colour of the empty canvas, a name or #rrggbb. Default: white, an agent's own.")
@click.option("--palette", help="Only so many colours, chosen from the picture, or these: '#222,#b33,beige'.")
@click.option("--mono", is_flag=True, help="Grey strokes only.")
@click.option("--opaque", is_flag=True, help="Strokes cover all they can.")
@click.option("--cap", type=float, help="Highest opacity of a stroke. Default: ltp 1, ist 0.6.")
@click.option("--painter", type=_PATH, help="Paint through a learned painter that train-renderer saved.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of the painter: another seed, another painting.")
@click.option("--outdir", default=Path("out"), type=_PATH, help="Each painting gets a folder here.")
@click.option("--to", default="final,sheet,gif,svg", help=_TO)
@click.option("--out-size", default=512, type=int, help="Shorter side of what is written, in pixels.")
@click.option("--threads", default=1, type=click.IntRange(min=1), help="Threads to compute with.")
def paint(**options):
    """Paint pictures, folders of pictures, or the faces of a snapshot.

    Ctrl-C ends it with what was painted so far; a second one at once.

    \b
    --content squared           squared error (default of ltp)
    --content pyramid           values and edges at three sizes (default of ist)
    --content FILE.safetensors  features of a classifier of classify.py
    --content vgg16:FILE.pth    of a network of torchvision's; without a file, the weights it downloads

    \b
    python paint.py paint face.png --strokes 40 --to all
    python paint.py paint faces/ --method ist --palette 6
    python paint.py paint face.png --method ltp-agent --agent agent.safetensors
    """
    from painting.paint_pictures import paint_pictures
    from painting.request import Request

    return paint_pictures(Request(**options), click.echo)


@main.command(context_settings=_SETTINGS)
@click.argument("strokes", type=_PATH)
@click.option("--size", default=1024, type=int, help="Shorter side in pixels.")
@click.option("--to", default="final", help=_TO)
@click.option("--outdir", type=_PATH, help="Default: a folder size-N beside the strokes.")
def render(**options):
    """Draw the strokes of a strokes.json at any size.

    \b
    python paint.py render out/face/strokes.json --size 2048 --to final,mp4
    """
    from painting.render import Request
    from painting.render import render as draw

    for line in draw(Request(**options)):
        click.echo(line)


@main.command("train-agent", context_settings=_SETTINGS)
@click.option("--data", required=True, type=_PATH, help="Archive (.zip) of dataset_tool.py.")
@click.option("--method", default="analytic", help="analytic, ddpg (Learning to Paint's), adversarial (Nakano's).")
@click.option("--preset", default="quick", help="quick: for two cores. full: analytic. paper: the other two.")
@click.option("--renderer", type=_PATH, help="Learned painter of train-renderer to learn through, as the papers did.")
@click.option("--brush", help="bezier, pencil, ink or dry.  [default: bezier; adversarial dry]")
@click.option("--size", type=int, help="Side of what the agent sees, in pixels.  [default: the preset's]")
@click.option("--steps", type=int, help="Looks at a painting.  [default: the preset's]")
@click.option("--bundle", type=int, help="Strokes at each look.  [default: the preset's]")
@click.option("--batch", type=int, help="Paintings under way.  [default: the preset's]")
@click.option("--updates", type=int, help="Updates of the agent.  [default: the preset's]")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random.  [default: 0]")
@click.option("--outdir", type=_PATH, help="The run's folder.  [default: runs/<zip>-agent-<method>-<brush>-<preset>]")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Any option, e.g. method.lr=0.0003.")
@click.option("--dry-run", is_flag=True, help="Print the resolved options and stop.")
@click.option("--device", default="auto", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
@click.option("--threads", default=1, type=click.IntRange(min=1), help="Threads of CPU computations.")
def train_agent(device, threads, dry_run, **flags):
    """Train an agent that paints; the same command goes on where it stopped.

    \b
    python paint.py train-agent --data kaokore.zip
    python paint.py train-agent --data kaokore.zip --method ddpg --preset paper
    """
    from painting.agents.train_agent import Machine, train_agent

    return train_agent(flags, Machine(device, threads), dry_run, click.echo)


@main.command(context_settings=_SETTINGS)
@click.option("--refs", required=True, type=_PATH, help="Text file: a picture's path a line, as seen from its folder.")
@click.option("--which", default="5-10", help="Figures: 5-10, or 6,9. 5-7: ist, 8-10: ltp; 5 and 8 are sequences.")
@click.option("--strokes", type=int, help="How many. Default: ltp 100, ist 600.")
@click.option("--size", default=128, type=int, help="Shorter side of the canvas it is painted on, in pixels.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of the painter.")
@click.option("--outdir", default=Path("out/figures"), type=_PATH, help="Folder for figures and paintings.")
@click.option("--threads", default=1, type=click.IntRange(min=1), help="Threads to compute with.")
def figures(**options):
    """Lay out the KaoKore paper's figures of painted faces for a list of your own.

    \b
    python paint.py figures --refs refs.txt --which 5,8
    """
    from painting.figures import Request
    from painting.figures import figures as lay_out

    return lay_out(Request(**options), click.echo)


@main.command("eval", context_settings=_SETTINGS)
@click.argument("folders", nargs=-1, required=True, type=_PATH)
@click.option("--refs", type=_PATH, help="Folder of references. Default: what was measured when they were painted.")
@click.option("--size", type=int, help="Shorter side to compare at. Default: the canvas painted on; pictures: 128.")
@click.option("--out", type=_PATH, help="Default: eval.json, of two compared.json, in the first folder.")
def evaluate(**options):
    """Score a folder of paintings or of pictures, or compare two face by face.

    \b
    python paint.py eval out/ltp
    python paint.py eval out/ltp out/ist
    python paint.py eval my-pictures --refs faces/
    """
    from painting.evaluate import Request
    from painting.evaluate import evaluate as score

    for line in score(Request(**options)):
        click.echo(line)


@main.command("train-renderer", context_settings=_SETTINGS)
@click.option("--brush", required=True, help="Whose strokes to learn: bezier, pencil, ink or dry.")
@click.option(
    "--arch", required=True, help="fcn (Learning to Paint), gan, vae (neural painters) or geo (geometry-guided)."
)
@click.option(
    "--size", type=int, help="Side of the canvas it learns on, in pixels. Default: 64, with --paper the paper's."
)
@click.option("--steps", type=int, help="How many. Default: the architecture's.")
@click.option("--batch", type=int, help="Strokes a step. Default: 32.")
@click.option("--loss", help="bce, ink (squared, ink pixels tenfold at first) or squared. Default: bce.")
@click.option("--paper", is_flag=True, help="The paper's steps, rates, batch and loss; days on a processor.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Of weights and strokes.")
@click.option("--outdir", type=_PATH, help="Folder for everything. Default: out/painters/BRUSH-ARCH.")
@click.option("--threads", default=1, type=click.IntRange(min=1), help="Threads to compute with.")
@click.option("--device", default="cpu", type=click.Choice(["auto", "cpu", "cuda"]), help="Where to compute.")
def train_renderer(**options):
    """Train a network to draw a brush's strokes, which are made on the fly.

    Ctrl-C saves; the same command goes on, to the same result, and with more --steps a longer one.

    \b
    python paint.py train-renderer --brush pencil --arch geo
    python paint.py paint face.png --method ist --painter out/painters/pencil-geo/painter.safetensors
    """
    from painting.learned.config import Request
    from painting.learned.train import train_as_asked

    return train_as_asked(Request(**options), click.echo)


@main.command(context_settings=_SETTINGS)
@click.option("--sheet", type=_PATH, help="Picture to write (.png): a few strokes of each.")
def brushes(sheet):
    """List the brushes and, with --sheet, draw them."""
    from painting.brush_sheet import brushes as tell

    for line in tell(sheet):
        click.echo(line)


@main.command(context_settings=_SETTINGS)
@click.option("--outdir", default=Path("demo-paint"), type=_PATH, help="Folder for everything.")
@click.option("--seed", default=0, type=click.IntRange(min=0), help="Another seed, another face.")
def demo(outdir, seed):
    """Draw a face by program and paint it with both painters, in under a minute."""
    from painting.demo import demo as show

    return show(outdir, seed, click.echo)


if __name__ == "__main__":
    run(main)
