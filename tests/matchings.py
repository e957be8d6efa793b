"""Rows of matchings as an aggregate holds them, for tests of figures and tables."""

import pandas as pd

NAN = float("nan")


def matching(**changed):
    """One row of a proved optimum of ten toy classes; `reported_*` follow from the costs."""
    row = {
        "dataset": "toys",
        "metric": "gw",
        "solver": "exact",
        "vision": "a-net",
        "language": "words",
        "size": 10,
        "selection": "none",
        "time_limit": NAN,
        "vision_parameters": NAN,
        "language_parameters": NAN,
        "rank": 0,
        "draw": 0,
        "seed": 7,
        "accuracy": 0.5,
        "cost": 30.0,
        "bound": 30.0,
        "gap": 0.0,
        "optimal": True,
        "status": "optimal",
        "seconds": 0.5,
        "building": 0.0,
        "iterations": 1,
        "true_cost": 40.0,
        "margins": [],
        "null_costs": [],
        "z": NAN,
        "p_value": NAN,
    } | changed
    size = row["size"]
    row.setdefault("classes", list(range(size)))
    row.setdefault("language_classes", list(range(size)))
    row.setdefault("permutation", list(range(size)))
    for name in ("cost", "bound", "true_cost"):
        row.setdefault(f"reported_{name}", row[name] / size**2)
    return row


def absent(reason, **changed):
    """The row of a solver that could not run."""
    numbers = ("accuracy", "cost", "bound", "gap", "true_cost", "seconds", "building")
    lists = ("classes", "language_classes", "permutation")
    missing = dict.fromkeys(numbers, NAN) | {name: [] for name in lists}
    return matching(**missing, optimal=False, status=f"skipped: {reason}", **changed)


def frame_of(rows, **metadata):
    """Rows as the figures get them."""
    frame = pd.DataFrame(rows)
    frame["vision_family"] = [slug.split("-")[0] for slug in frame["vision"]]
    frame.attrs = {"seed": 42, "metrics": list(dict.fromkeys(frame["metric"])), **metadata}
    return frame


def figure_entry(**changed):
    """An entry of figures.yaml, as far as drawings read it."""
    return {"metric": None, "score": None, "zoom": None, "bounds": [], **changed}


def notes(figure):
    """All that stands around the panels of a figure, in one line."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())
