"""Confidence intervals of means over draws."""

import numpy as np
from scipy.special import stdtrit

#: How often a bootstrap draws again.
RESAMPLES = 10_000
_TAIL = 0.025


def t_margin(values: np.ndarray) -> float:
    """Half the width of Student's 95 % interval of a mean; NaN for fewer than two values.

    Parameters
    ----------
    values : array-like, shape (n,)
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        return np.nan
    return float(stdtrit(len(values) - 1, 1 - _TAIL) * values.std(ddof=1) / np.sqrt(len(values)))


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of a mean, the same every time; NaN for one value.

    Parameters
    ----------
    values : array-like, shape (n,)
    """
    values = np.asarray(values, float)
    if len(values) < 2:
        return np.nan, np.nan
    chosen = np.random.default_rng(0).integers(len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[chosen].mean(axis=1), [_TAIL, 1 - _TAIL])
    return float(low), float(high)
