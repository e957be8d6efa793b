"""The look that all figures share, and how they are saved."""

import io
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import pandas as pd
import seaborn as sns
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.storage import publish, read_table

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


def new_figure() -> tuple[Figure, plt.Axes]:
    """An empty figure in the shared look."""
    sns.set_theme(context="paper", style="ticks", palette="colorblind", rc=LOOK)
    return plt.subplots(layout="constrained")


def save(figure: Figure, paths: Iterable[str | Path]) -> None:
    """Save in the format of each path's suffix, without dates, whole or not at all."""
    for path in paths:
        suffix = Path(path).suffix.removeprefix(".")
        stream = io.BytesIO()
        metadata = {"CreationDate": None} if suffix == "pdf" else {}
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


def read_aggregate(path: str | Path) -> pd.DataFrame:
    """An aggregate as a data frame.

    Raises
    ------
    BlindmatchError
        If no row knows the true pairing, so that there is no accuracy to show.
    """
    rows, _ = read_table(path)
    frame = pd.DataFrame(rows)
    if frame["accuracy"].isna().all():
        raise BlindmatchError(
            f"{path}: the true pairing of these embeddings is unknown, there is no accuracy to show"
        )
    return frame
