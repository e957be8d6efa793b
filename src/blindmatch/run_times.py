"""What the jobs of each rule took: Snakemake's benchmark files in one table."""

import csv
import dataclasses
import html
import io
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.storage import publish

#: Snakemake's column -> ours, for what is added up over jobs.
_SUMS = {"cpu_time": "cpu_seconds", "io_in": "read_mb", "io_out": "written_mb"}
_MEMORY = "max_rss"
_NEEDED = ("s", _MEMORY, *_SUMS)
_COLUMNS = (
    *("rule", "jobs", "sampled", "seconds_total", "seconds_median", "seconds_max"),
    *("memory_mb_max", "cpu_seconds", "read_mb", "written_mb"),
)
#: What stands in place of a number where a job ended before it could be measured.
_UNKNOWN = ("NA", "-")
_STYLE = "body {font-family: sans-serif} th, td {text-align: left; padding: 0.2em 1.5em 0.2em 0}"


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows under column titles; None is an empty cell."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, object]]

    def write_csv(self, path: str | Path) -> None:
        stream = io.StringIO()
        writer = csv.DictWriter(stream, self.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        publish(path, stream.getvalue().encode())

    def html(self) -> str:
        lines = [
            [row[name] if row[name] is not None else "" for name in self.columns]
            for row in self.rows
        ]
        return (
            f"<table>\n{_html_row('th', self.columns)}"
            + "".join(_html_row("td", line) for line in lines)
            + "</table>\n"
        )


def _html_row(kind: str, values: Iterable[object]) -> str:
    cells = "".join(f"<{kind}>{html.escape(str(value))}</{kind}>" for value in values)
    return f"<tr>{cells}</tr>\n"


def gather_run_times(folder: str | Path) -> Table:
    """Seconds and memory of the jobs of each rule.

    Parameters
    ----------
    folder : path-like
        Holds the benchmark files of each rule in a folder that is called like the rule.

    Returns
    -------
    Table
        A row for each rule, longest total first: `rule`; `jobs` and how many of them were
        `sampled`, that is, ran long enough to be measured; `seconds_total`, `seconds_median` and
        `seconds_max` by the clock; and of the sampled jobs `cpu_seconds` (sum), `memory_mb_max`,
        `read_mb` and `written_mb` (sums), None where none was sampled.

    Raises
    ------
    BlindmatchError
        If a file is not a benchmark of Snakemake.
    """
    root = Path(folder)
    jobs = defaultdict(list)
    for path in sorted(root.rglob("*.tsv")):
        jobs[path.relative_to(root).parts[0]] += _read_benchmark(path)
    rows = [_row(rule, runs) for rule, runs in jobs.items()]
    return Table(_COLUMNS, sorted(rows, key=lambda row: -row["seconds_total"]))


def _read_benchmark(path: Path) -> list[dict[str, float | None]]:
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            lines = list(csv.DictReader(stream, delimiter="\t"))
        runs = [
            {name: None if line[name] in _UNKNOWN else float(line[name]) for name in _NEEDED}
            for line in lines
        ]
        if not runs or any(run["s"] is None for run in runs):
            raise ValueError
    except OSError as error:
        raise BlindmatchError(f"{path}: cannot be read ({error.strerror})") from error
    except (KeyError, TypeError, ValueError, csv.Error):
        raise BlindmatchError(
            f"{path}: expected a benchmark of Snakemake with columns {', '.join(_NEEDED)}, "
            "found something else; delete it"
        ) from None
    return runs


def _row(rule: str, runs: list[dict[str, float | None]]) -> dict[str, object]:
    seconds = [run["s"] for run in runs]
    sampled = [run for run in runs if run[_MEMORY] is not None]
    return {
        "rule": rule,
        "jobs": len(runs),
        "sampled": len(sampled),
        "seconds_total": round(sum(seconds), 2),
        "seconds_median": round(statistics.median(seconds), 2),
        "seconds_max": max(seconds),
        "memory_mb_max": max((run[_MEMORY] for run in sampled), default=None),
        **{ours: _sum(run[name] for run in sampled) for name, ours in _SUMS.items()},
    }


def _sum(values) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known), 2) if known else None


def write_page(path: str | Path, tables: Mapping[str, Table]) -> None:
    """Publish tables under their titles as one page, which the report shows as it is."""
    parts = [f"<h2>{html.escape(title)}</h2>\n{table.html()}" for title, table in tables.items()]
    text = f"<!DOCTYPE html>\n<meta charset='utf-8'>\n<style>{_STYLE}</style>\n{''.join(parts)}"
    publish(path, text.encode())
