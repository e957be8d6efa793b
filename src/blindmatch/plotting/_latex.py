"""Tables for print."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from blindmatch.plotting._rows import SELECTIONS
from blindmatch.plotting.style import label_of

#: A table of more rows is broken over pages, one of more columns shrunk to the text's width.
_ROWS_OF_A_PAGE = 45
_COLUMNS_OF_A_PAGE = 7

#: Numbers that may hold for all rows; numbers of other columns are results and stay in the table.
_CONDITIONS = ("n", "time_limit", "size", "dimension", "pair_count", "unpaired_count")

#: What the note says anyway.
_SAID = ("selection", "time_limit")

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "±": r"$\pm$",
        "×": r"$\times$",
        "−": r"$-$",
        "²": r"$^2$",
    }
)


def latex(
    table: pd.DataFrame,
    *,
    title: str,
    note: str,
    styles: Mapping[str, Mapping | None],
    label: str,
) -> str:
    r"""A complete `table` environment, `longtable` where it fills more than a page.

    Columns x_mean and x_sd become one, mean ± sd; columns x_low and x_high become an interval,
    behind an x_mean that has no x_sd; slugs become labels; what is the same in all rows moves into
    the caption; columns without any number are left out.

    Parameters
    ----------
    table : pd.DataFrame
        What `tabulate` of a kind returns. Its ``attrs["decimals"]`` may say how many decimals of a
        column matter, instead of three, its ``attrs["unprinted"]`` which columns have no room.
    title, note : str
        The caption.
    styles : mapping
        Slug -> {label, ...} or None.
    label : str
        Name for ``\ref{tab:...}``.
    """
    decimals = table.attrs.get("decimals", {})
    # Why a solver was skipped is said once, in the note.
    shown = (
        _merged(table, decimals)
        .drop(columns=["skipped", *table.attrs.get("unprinted", [])], errors="ignore")
        .map(lambda cell: _labelled(cell, styles))
    )
    if "selection" in shown:
        shown["selection"] = shown["selection"].replace(SELECTIONS)
    shown = shown.dropna(axis="columns", how="all")
    merged = [name for name in shown if name not in table or name in _pairs(table)]
    shared = _shared(shown.drop(columns=merged, errors="ignore"))
    shown = shown.drop(columns=list(shared))
    cells = pd.DataFrame({name: _cells(shown[name]) for name in shown})
    cells = cells.map(_escaped).rename(columns=lambda name: _escaped(_head(name)))
    said = [f"{_head(name)} {value}" for name, value in shared.items() if name not in _SAID]
    held = f"; in all rows: {', '.join(said)}" if said else ""
    caption = _escaped(f"{title}. {note[:1].upper()}{note[1:]}{held}.")
    text = [pd.api.types.is_string_dtype(shown[name].dropna()) for name in shown]
    numeric = [not words or name in merged for words, name in zip(text, shown, strict=True)]
    long, wide = len(cells) > _ROWS_OF_A_PAGE, len(cells.columns) > _COLUMNS_OF_A_PAGE
    printed = cells.to_latex(
        index=False,
        caption=caption,
        label=f"tab:{label}",
        column_format="".join("r" if number else "l" for number in numeric),
        longtable=long,
    )
    return "% \\usepackage{booktabs, graphicx, longtable}\n" + _fitted(printed, long, wide, caption)


def _fitted(printed: str, long: bool, wide: bool, caption: str) -> str:
    """A wide table shrunk to the width of the text, a wide long one in the smallest letters."""
    if long:
        printed = printed.replace(f"\\caption[]{{{caption}}} \\\\\n", "")
        return f"{{\\tiny\\setlength{{\\tabcolsep}}{{2pt}}\n{printed}}}\n" if wide else printed
    if wide:
        start, end = "\\begin{tabular}", "\\end{tabular}"
        printed = printed.replace(start, f"\\resizebox{{\\textwidth}}{{!}}{{%\n{start}")
        printed = printed.replace(end, f"{end}%\n}}")
    return printed


def _pairs(table: pd.DataFrame) -> list[str]:
    """Names x of which there are x_mean and x_sd."""
    names = [name.removesuffix("_sd") for name in table if name.endswith("_sd")]
    return [name for name in names if f"{name}_mean" in table]


def _intervals(table: pd.DataFrame) -> list[str]:
    """Names x of which there are x_low and x_high."""
    names = [name.removesuffix("_high") for name in table if name.endswith("_high")]
    return [name for name in names if f"{name}_low" in table]


def _merged(table: pd.DataFrame, decimals: Mapping[str, int]) -> pd.DataFrame:
    """Columns x_mean and x_sd as one of texts "mean ± sd"."""
    table = table.copy()
    for name in _pairs(table):
        mean, sd, places = f"{name}_mean", f"{name}_sd", decimals.get(name, 3)
        table[mean] = [
            np.nan
            if pd.isna(centre)
            else _cell(centre, name, places) + _spread(width, name, places)
            for centre, width in zip(table[mean], table[sd], strict=True)
        ]
        table = table.drop(columns=sd).rename(columns={mean: name})
    for name in _intervals(table):
        low, high, places = f"{name}_low", f"{name}_high", decimals.get(name, 3)
        spans = [
            np.nan
            if pd.isna(start)
            else f"{_cell(start, name, places)} to {_cell(end, name, places)}"
            for start, end in zip(table[low], table[high], strict=True)
        ]
        table = table.assign(**{low: spans}).drop(columns=high)
        table = table.rename(columns={low: f"{name}_interval"})
        if f"{name}_mean" in table:
            table = _joined(table, name, places)
    return table


def _joined(table: pd.DataFrame, name: str, decimals: int) -> pd.DataFrame:
    """Columns x_mean and x_interval as one."""
    mean, interval = f"{name}_mean", f"{name}_interval"
    table[mean] = [
        np.nan
        if pd.isna(centre)
        else _cell(centre, name, decimals) + ("" if pd.isna(span) else f" ({span})")
        for centre, span in zip(table[mean], table[interval], strict=True)
    ]
    table = table.drop(columns=interval).rename(columns={mean: name})
    return table


def _spread(width: float, column: str, decimals: int) -> str:
    return "" if pd.isna(width) else f" ± {_cell(width, column, decimals)}"


def _labelled(cell: object, styles: Mapping[str, Mapping | None]) -> object:
    return label_of(cell, styles) if isinstance(cell, str) else cell


def _shared(table: pd.DataFrame) -> dict[str, str]:
    """What is the same in all rows: texts and conditions, for the caption."""
    if len(table) < 2:
        return {}
    names = [
        name
        for name in table
        if (name in _CONDITIONS or pd.api.types.is_string_dtype(table[name]))
        and table[name].nunique(dropna=False) == 1
    ]
    return {name: _cell(table[name].iloc[0], name) for name in names}


def _head(name: str) -> str:
    return name.replace("_percent", " %").replace("_", " ")


def _cells(values: pd.Series) -> list[str]:
    """A column as text: without decimals where all of its numbers are whole."""
    whole = pd.api.types.is_numeric_dtype(values) and (values.dropna() % 1 == 0).all()
    return [_cell(value, values.name, whole=whole) for value in values]


def _cell(value: object, column: str, decimals: int = 3, *, whole: bool = False) -> str:
    """A number as short as it can be said; per cents to one decimal."""
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "--"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if "percent" in column:
        return f"{value:.1f}"
    if float(value).is_integer() and (whole or column in _CONDITIONS):
        return f"{int(value)}"
    if column in _CONDITIONS:
        return f"{value:g}"
    return f"{value:.{decimals}f}" if value == 0 or 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)
