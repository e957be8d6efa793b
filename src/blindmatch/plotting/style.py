"""The look that all figures share, and how they are saved."""

import io
import itertools
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.storage import publish

#: Readable at the width of a column in print; fonts embedded as outlines that editors can open.
LOOK = {
    "figure.figsize": (5.0, 3.4),
    "figure.dpi": 200,
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.title_fontsize": 8,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


#: Format -> the entry of its metadata that holds what made a figure.
_RECORDS = {"pdf": "Subject", "png": "Description"}


def new_figure(rows: int = 1, columns: int = 1, *, size: tuple | None = None, **options):
    """An empty figure in the shared look, and its axes as `plt.subplots` returns them.

    Parameters
    ----------
    rows, columns : int
    size : (width, height), optional
        In inches; None: that of a column in print.
    **options
        Of `plt.subplots`.
    """
    sns.set_theme(context="paper", style="ticks", palette="colorblind", rc=LOOK)
    size = size or LOOK["figure.figsize"]
    return plt.subplots(rows, columns, figsize=size, layout="constrained", **options)


def describe(figure: Figure, title: str, note: str) -> None:
    """Put a title above a figure and a small note below it, both wrapped to its width.

    What is drawn keeps to the room between them.
    """
    width, height = figure.get_size_inches()
    heading = textwrap.fill(title, int(15 * width))
    lines = textwrap.fill(note, int(20 * width), break_on_hyphens=False)
    above, below = (
        (0.18 * (heading.count("\n") + 1) + 0.05) / height,
        (0.12 * (lines.count("\n") + 1) + 0.05) / height,
    )
    figure.text(0.5, 1 - 0.04 / height, heading, ha="center", va="top", fontsize=9)
    figure.text(0.01, 0.04 / height, lines, ha="left", va="bottom", fontsize=6.5, color="0.3")
    figure.get_layout_engine().set(rect=(0, below, 1, 1 - above - below))


def outer_legend(figure: Figure, handles: list, *, beside: bool = False, **options) -> None:
    """A legend above or beside the panels of a figure that is already described.

    Parameters
    ----------
    beside : bool
        To the right of the panels; else above.
    **options
        Of `plt.legend`.
    """
    layout = figure.get_layout_engine()
    left, bottom, width, height = layout.get()["rect"]
    corner, anchor = ("upper right", left + width) if beside else ("upper center", 0.5)
    legend = figure.legend(
        handles=handles, loc=corner, bbox_to_anchor=(anchor, bottom + height), **options
    )
    taken = legend.get_window_extent().transformed(figure.transFigure.inverted())
    if beside:
        width -= taken.width
    else:
        height -= taken.height + 0.06 / figure.get_figheight()
    layout.set(rect=(left, bottom, width, height))


def save(figure: Figure, paths: Iterable[str | Path], *, record: str | None = None) -> None:
    """Save in the format of each path's suffix, without dates, whole or not at all.

    A `record` of what made the figure becomes the description of a PNG, the subject of a PDF.
    """
    for path in paths:
        suffix = Path(path).suffix.removeprefix(".")
        stream = io.BytesIO()
        dated = {"CreationDate": None} if suffix == "pdf" else {}
        metadata = dated | ({_RECORDS[suffix]: record} if suffix in _RECORDS else {})
        figure.savefig(stream, format=suffix, metadata=metadata)
        publish(path, stream.getbuffer())
    plt.close(figure)


def label_of(slug: str, styles: Mapping[str, Mapping | None]) -> str:
    """How a model, dataset or solver is called in print; its slug where no label is configured."""
    style = styles.get(slug)
    return style["label"] if style else slug


def looks(order: list[str], styles: list[Mapping | None]) -> tuple[dict, dict]:
    """Colour and marker of each series: the configured one, if styles and series correspond."""
    palette = dict(zip(order, sns.color_palette("colorblind", len(order)), strict=True))
    markers = dict(zip(order, itertools.cycle("osD^vP*Xd<>ph"), strict=False))
    if len(styles) == len(order):
        for name, style in zip(order, styles, strict=True):
            palette[name] = (style or {}).get("color") or palette[name]
            markers[name] = (style or {}).get("marker") or markers[name]
    return palette, markers
