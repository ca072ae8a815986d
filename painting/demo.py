"""What `paint.py demo` does: a drawn face, painted by both painters."""

from collections.abc import Callable
from pathlib import Path

from dataset.demo import draw_faces
from painting.paint_pictures import paint_pictures
from painting.request import Request
from torch_utils.images import write_png

SIDE = 384
LTP_STROKES, IST_STROKES = 150, 500
CANVAS = 128


def demo(folder: Path, seed: int, say: Callable[[str], None]) -> int:
    """Draw a face and paint it; gives the exit status.

    Args:
        folder: gets face.png and a folder for each painter.
    """
    face = folder / "face.png"
    write_png(
        face, next(iter(draw_faces(1, SIDE, seed))).picture, {"source": f"drawn by program, face 0 of seed {seed}"}
    )
    say(f"{face}: drawn by program")
    for method, strokes in (("ltp", LTP_STROKES), ("ist", IST_STROKES)):
        request = Request(images=(face,), method=method, strokes=strokes, size=CANVAS, outdir=folder / method)
        status = paint_pictures(request, say)
        if status:
            return status
        say(f"  {folder / method / 'face'}/sheet.png: how it came about; painting.gif: the same, moving")
    say("next:")
    say(f"  python paint.py render {folder}/ist/face/strokes.json --size 2048 --to final,mp4")
    say("  python paint.py paint YOUR_PICTURE.jpg --method ist --palette 6")
    return 0
