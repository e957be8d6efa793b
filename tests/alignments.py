"""Rows of alignment studies as an aggregate holds them, for tests of figures and tables."""

import json

import pandas as pd

NAN = float("nan")
STYLES = {
    "sail": {"label": "SAIL & co", "color": "#123456", "marker": "s"},
    "sotalign": {"label": "SOTAlign", "color": "#654321", "marker": "o"},
    "net": {"label": "Net_50%", "color": None, "marker": None},
    "toys": {"label": "Toys", "color": None, "marker": None},
}


def alignment(score, method="sail", **changed):
    """The row of a retrieval whose MeanR@5 is `score`, its other recalls half of it."""
    row = {
        "split": "toys",
        "method": method,
        "vision": "net",
        "language": "words",
        "pair_count": 100,
        "unpaired_count": 50,
        "draw": 0,
        "evaluation": "test",
        "task": "retrieval",
        **dict.fromkeys(("i2t_r1", "i2t_r5", "t2i_r1", "t2i_r5", "mean_r1"), score / 2),
        "mean_r5": score,
        "median_rank": 9.0,
        "chance_r1": 0.005,
        "chance_r5": 0.025,
        **dict.fromkeys(("top1", "top5", "chance"), NAN),
        "images": 200,
        "texts": 1400,
        "classes": None,
        "chosen": "{}",
        "validation_score": score,
        **dict.fromkeys(("perplexity", "marginal_error"), NAN),
        **dict.fromkeys(("divergence_start", "divergence_end"), NAN),
        "teacher": None,
        "divergence": None,
        "seconds": 20.0,
    }
    return row | changed


def classified(score, method="sail", **changed):
    """The row of a zero-shot classification whose top-1 accuracy is `score`."""
    recalls = ("i2t_r1", "i2t_r5", "t2i_r1", "t2i_r5", "mean_r1", "mean_r5")
    return alignment(
        score,
        method,
        **{
            "evaluation": "photos",
            "task": "zero-shot",
            **dict.fromkeys((*recalls, "median_rank", "chance_r1", "chance_r5"), NAN),
            "top1": score,
            "top5": 2 * score,
            "chance": 0.1,
            "images": 1000,
            "texts": None,
            "classes": 10,
        }
        | changed,
    )


def learned(score, method="sotalign", teacher="cca", divergence="klot", **changed):
    """The row of a student that learns from a teacher."""
    told = {"perplexity": 4.0, "divergence_start": 3.0, "divergence_end": 1.0}
    options = {"chosen": json.dumps({"beta": 10.0}), "teacher": teacher, "divergence": divergence}
    return alignment(score, method, **told, **(options | changed))


def frame_of(rows, **metadata):
    """Rows as the figures get them."""
    frame = pd.DataFrame(rows)
    frame.attrs = {"seed": 42, **metadata}
    return frame
