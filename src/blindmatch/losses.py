"""Decomposable losses: l(a, b) = f1(a) + f2(b) - h1(a) h2(b) (Peyre et al. 2016, section 2.1)."""

import dataclasses
from collections.abc import Callable

import numpy as np

Elementwise = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Loss:
    """How one entry of the vision kernel is compared with one of the language kernel.

    Attributes
    ----------
    f1, f2, h1, h2 : callable
        The parts of the decomposition, entry by entry.
    direct : callable
        ``direct(a, b)``, the loss as defined; what the parts are tested against.
    """

    f1: Elementwise
    f2: Elementwise
    h1: Elementwise
    h2: Elementwise
    direct: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _zero(values: np.ndarray) -> np.ndarray:
    return np.zeros_like(values)


def _same(values: np.ndarray) -> np.ndarray:
    return values


def _entropy(values: np.ndarray) -> np.ndarray:
    return values * np.log(values) - values


#: (a - b)^2
SQUARED = Loss(
    f1=np.square, f2=np.square, h1=_same, h2=lambda b: 2 * b, direct=lambda a, b: (a - b) ** 2
)

#: -a b
NEGATIVE_PRODUCT = Loss(f1=_zero, f2=_zero, h1=_same, h2=_same, direct=lambda a, b: -a * b)

#: a log(a / b) - a + b, for positive entries: generalised Kullback-Leibler divergence
KULLBACK_LEIBLER = Loss(
    f1=_entropy, f2=_same, h1=_same, h2=np.log, direct=lambda a, b: a * np.log(a / b) - a + b
)
