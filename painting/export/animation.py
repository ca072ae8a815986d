"""A painting as it comes about: GIF by Pillow, MP4 by PyAV."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from painting.canvas import Canvas
from painting.export.frames import moments, pictures
from painting.strokes import StrokeSet
from torch_utils.files import atomic_write

FRAMES = 90
FRAME_MS, FIRST_MS, LAST_MS = 60, 400, 3000
GIF_UNIT = 384  # shorter side at most, in pixels
RATE = 25  # pictures a second of the MP4
_COLOURS, _DITHER = 256, 16  # of a palette; grey levels of the pattern against bands


def write_gif(path: Path, painting: StrokeSet, canvas: Canvas) -> None:
    """Write an endless GIF, the finished painting standing for three seconds."""
    small = canvas if canvas.unit <= GIF_UNIT else canvas.scaled(GIF_UNIT)
    shown = pictures(painting, moments(len(painting.strokes), FRAMES), small)
    palette = _shared_palette(shown)
    frames = [
        Image.fromarray(_dithered(picture)).quantize(palette=palette, dither=Image.Dither.NONE) for picture in shown
    ]
    times = [FIRST_MS, *[FRAME_MS] * (len(frames) - 2), LAST_MS][-len(frames) :]
    with atomic_write(path) as temporary:
        frames[0].save(
            temporary, format="GIF", save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=False
        )


def _shared_palette(shown: list[np.ndarray]) -> Image.Image:
    """One palette for all frames, so that what stays does not flicker."""
    chosen = np.concatenate([*shown[::8], shown[-1]])
    return Image.fromarray(chosen).quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)


def _dithered(picture: np.ndarray) -> np.ndarray:
    """A fixed pattern added before colours are rounded: no bands, and unlike spread errors it stands still."""
    height, width = picture.shape[:2]
    pattern = np.zeros((1, 1))
    for _ in range(3):  # Bayer's matrix, 8 x 8
        pattern = np.block([[4 * pattern, 4 * pattern + 2], [4 * pattern + 3, 4 * pattern + 1]])
    offsets = ((pattern + 0.5) / pattern.size - 0.5) * _DITHER
    tiled = np.tile(offsets, (-(-height // 8), -(-width // 8)))[:height, :width, None]
    return (picture + tiled).round().clip(0, 255).astype(np.uint8)


def write_mp4(path: Path, painting: StrokeSet, canvas: Canvas) -> None:
    """Write an H.264 video; sides are made even, as its colours need."""
    even = Canvas(canvas.height + canvas.height % 2, canvas.width + canvas.width % 2)
    counts = moments(len(painting.strokes), 2 * FRAMES)
    with atomic_write(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = even.width, even.height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        frame = None
        for picture in pictures(painting, counts, even):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
        assert frame is not None
        for _ in range(2 * RATE):
            again = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), format="rgb24")
            container.mux(stream.encode(again))
        container.mux(stream.encode())
