"""Figures and tables: matplotlib, seaborn and pandas live here and nowhere below.

Each kind of figure is a module of its name (`solver-scaling`: `solver_scaling`) with up to two
functions. ``draw(frame, *, title, styles, figure)`` returns a matplotlib figure; a kind without it
is a table only. ``tabulate(frame)`` returns the numbers as a data frame, whose ``attrs["note"]``
may hold a part of the caption, and ``attrs["decimals"]`` the precision in print. `frame` holds the
rows of an aggregate, ``frame.attrs`` its metadata: the settings of the study and the seed.
"""

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.storage import publish, read_table

Styles = Mapping[str, Mapping | None]


def draw_figure(
    kind: str,
    aggregate: str | Path,
    outputs: Iterable[str | Path],
    *,
    title: str,
    styles: Styles,
    figure: Mapping,
) -> None:
    """Draw an aggregate.

    Parameters
    ----------
    kind : str
        Which drawing.
    aggregate : path-like
        Rows of a study.
    outputs : iterable of path-like
        One file for each, format by suffix.
    title : str
    styles : mapping
        Slug -> {label, color, marker} or None.
    figure : mapping
        What the drawing is asked for: metric, score, zoom, bounds.

    Raises
    ------
    BlindmatchError
        Naming the aggregate, if it holds nothing that can be drawn, or the kind is a table only.
    """
    import matplotlib

    from blindmatch.plotting.style import LOOK, save

    drawing = _module(kind)
    if not hasattr(drawing, "draw"):
        raise BlindmatchError(f"kind: {kind!r} is a table, expected a kind with a drawing")
    with _naming(aggregate), matplotlib.rc_context(LOOK):
        frame = _frame(aggregate, figure, styles)
        save(drawing.draw(frame, title=title, styles=styles, figure=figure), outputs)


def write_table(
    kind: str,
    aggregate: str | Path,
    csv: str | Path,
    tex: str | Path,
    *,
    title: str,
    styles: Styles,
    figure: Mapping,
) -> None:
    """Write the numbers of a figure as CSV, in full, and as LaTeX, for print.

    The CSV table has the study's seed as its last column. The LaTeX table needs the packages
    booktabs, graphicx and longtable; its caption says what holds for all rows.

    Parameters
    ----------
    kind, aggregate, title, styles, figure
        As for `draw_figure`.
    csv, tex : path-like

    Raises
    ------
    BlindmatchError
        Naming the aggregate, if it holds nothing to show.
    """
    from blindmatch.plotting._latex import latex
    from blindmatch.plotting._notes import conditions, sampled, unit

    with _naming(aggregate):
        frame = _frame(aggregate, figure, styles)
        table = _module(kind).tabulate(frame)
    parts = [table.attrs.get("note"), unit(frame), sampled(frame), conditions(frame, styles)]
    note = "; ".join(filter(None, parts))
    printed = latex(table, title=title, note=note, styles=styles, label=Path(tex).stem)
    full = table.assign(seed=frame.attrs.get("seed"))
    numbers = full.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    publish(csv, numbers.encode())
    publish(tex, printed.encode())


def _module(kind: str):
    return importlib.import_module(f"{__name__}.{kind.replace('-', '_')}")


@contextlib.contextmanager
def _naming(aggregate: str | Path) -> Iterator[None]:
    """Put the file in front of what is wrong with its rows."""
    try:
        yield
    except BlindmatchError as error:
        message = str(error)
        prefix = "" if message.startswith(str(aggregate)) else f"{aggregate}: "
        raise BlindmatchError(prefix + message) from None


def _frame(aggregate: str | Path, figure: Mapping, styles: Styles):
    """The rows that a figure is about, with the family of each vision model."""
    import pandas as pd

    from blindmatch.plotting._rows import family_of

    rows, metadata = read_table(aggregate)
    if not rows:
        raise BlindmatchError("expected rows of a study, found none")
    frame = pd.DataFrame(rows)
    if figure.get("metric") and "metric" in frame:
        wanted = [figure["metric"], figure.get("score")]
        frame = frame[frame["metric"].isin(wanted)].reset_index(drop=True)
        if frame.empty:
            raise BlindmatchError(f"metric: expected rows of {figure['metric']!r}, found none")
    if "vision" in frame and "vision_family" not in frame:
        frame["vision_family"] = [family_of(slug, styles) for slug in frame["vision"]]
    frame.attrs = dict(metadata)
    return frame
