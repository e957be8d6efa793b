"""Figures and tables: matplotlib, seaborn and pandas live here and nowhere below.

Each kind of figure is a module of its name (`solver-scaling`: `solver_scaling`) with up to two
functions. ``draw(frame, *, title, styles, figure)`` returns a matplotlib figure; a kind without it
is a table only. ``tabulate(frame)`` returns the numbers as a data frame, whose ``attrs["note"]``
may hold a part of the caption, ``attrs["decimals"]`` the precision in print, and
``attrs["unprinted"]`` the columns that only the CSV table has room for. `frame` holds the rows of
an aggregate, ``frame.attrs`` its metadata: the settings of the study and the seed.

What made a figure stands in it: in the description of a PNG, the subject of a PDF, the first line
of a LaTeX table, as JSON.
"""

import contextlib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.script import canonical, record
from blindmatch.storage import advising, publish, read_table

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
    with matplotlib.rc_context(LOOK):
        with _naming(aggregate):
            frame = _frame(aggregate, figure, styles)
            drawn = drawing.draw(frame, title=title, styles=styles, figure=figure)
        save(drawn, outputs, record=_record(frame, kind, title, styles, figure))


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

    The CSV table has the study's seed as its last column; there is no room in it for what else
    made it. The LaTeX table needs the packages booktabs, graphicx and longtable; its caption says
    what holds for all rows.

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
    made = _record(frame, kind, title, styles, figure)
    printed = latex(table, title=title, note=note, styles=styles, label=Path(tex).stem)
    full = table.assign(seed=frame.attrs.get("seed"))
    numbers = full.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    publish(csv, numbers.encode())
    publish(tex, f"% {made}\n{printed}".encode())


def _module(kind: str):
    return importlib.import_module(f"{__name__}.{kind.replace('-', '_')}")


def _record(frame, kind: str, title: str, styles: Styles, figure: Mapping) -> str:
    """What made a drawing or table, and which results it shows, as a line of JSON."""
    shown = {"kind": kind, "title": title, "styles": styles, "figure": figure}
    about = frame.attrs
    made = record(
        shown, "pandas", "matplotlib", "seaborn", seed=about.get("seed"), made_from=[about]
    )
    return canonical({**made, "results_digest": about.get("results_digest")})


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
    study = metadata.get("study")
    with advising(Path(aggregate)):
        if figure.get("experiment", study) != study:
            raise BlindmatchError(
                f"{aggregate}: made for study={study!r}, expected {figure['experiment']!r}"
            )
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
