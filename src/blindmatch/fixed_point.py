"""A problem in whole numbers, and what they prove about the problem in real numbers.

Solvers and the certificate checker compute with integers, so that their sums are exact. With
A = alpha a + dA and B = beta b + dB, a and b integer matrices, every permutation p obeys

    sum A[i,k] B[p(i),p(k)] >= alpha beta sum a[i,k] b[p(i),p(k)] - error,
    error = sum |dA| max |B| + alpha max |a| sum |dB|,

because p only permutes the entries of dB. A cost is a whole number of units, rounded downwards;
one unit is ``alpha beta 2^shift``.
"""

import dataclasses
import math
from fractions import Fraction

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP

#: Bits of the integers a and b: products of two, summed over both orders and up to eight terms,
#: stay below 2^53, so that float64 holds them exactly as well.
_BITS = 23
#: A pair costs at most 2^this units; the rest of an int32 is room for duals.
PAIR_BITS = 22
#: Single costs stay below 2^this units: N of them fit into float64 without rounding.
_SINGLE_BITS = 42


@dataclasses.dataclass(frozen=True, eq=False)
class FixedPoint:
    """Integer form of a square problem of N items with T terms.

    Attributes
    ----------
    a, b : np.ndarray, shape (T, N, N), int64
    shift : int
        The unordered pair (i,j), (k,l) costs
        ``(sum_t a[t,i,k] b[t,j,l] + a[t,k,i] b[t,l,j]) >> shift`` units.
    single : np.ndarray, shape (N, N), int64
        Units that i -> j costs alone.
    forbidden : np.ndarray, shape (N, N), bool
    unit : Fraction
        The value of one unit.
    constant, error : Fraction
        A permutation of n units costs at least ``unit n + constant - error``.
    step : Fraction
        Costs differ from `constant` by multiples of this; 0 where no such number is known.
    """

    a: np.ndarray
    b: np.ndarray
    shift: int
    single: np.ndarray
    forbidden: np.ndarray
    unit: Fraction
    constant: Fraction
    error: Fraction
    step: Fraction

    @property
    def size(self) -> int:
        """Number of items N."""
        return self.a.shape[1]

    @classmethod
    def of(cls, problem: QAP) -> "FixedPoint":
        """Integer form of a square problem.

        Raises
        ------
        BlindmatchError
            If the problem is not square, has more than eight terms, or if costs overflow.
        """
        size = problem.size
        if problem.columns != size:
            raise BlindmatchError(
                f"QAP: expected a square problem, found {size} rows and {problem.columns} columns; "
                "use problem.square()"
            )
        if len(problem.A_terms) > 8:
            raise BlindmatchError(
                f"QAP: expected at most 8 terms, found {len(problem.A_terms)} matrices in A"
            )
        forbidden = problem.forbidden_pairs
        linear = np.where(forbidden, 0.0, problem.linear_costs)
        alone = not linear.any()
        a, alpha, missed_a = _whole(problem.A_terms, alone)
        b, beta, missed_b = _whole(problem.B_terms, alone)
        largest = max(1, _largest_pair(a, b))
        spare = PAIR_BITS - largest.bit_length()
        if spare > 0:
            # Small integers: count in fractions of them, which dual values need.
            a, alpha = a << spare, alpha / 2**spare
        shift = max(0, -spare)
        top = max(
            Fraction(float(np.abs(linear).max())) / (alpha * beta * 2**shift),
            Fraction(int(np.abs(_diagonals(a, b)).max()), 2**shift),
        )
        shift += max(0, math.ceil(top).bit_length() - _SINGLE_BITS)
        unit = alpha * beta * 2**shift
        single = (_diagonals(a, b) >> shift) + _floor_units(linear, unit)
        error = missed_a * _largest(problem.B_terms) + alpha * int(np.abs(a).max()) * missed_b
        step = _step(problem, a, b, alpha * beta, linear) if error == 0 else Fraction(0)
        return cls(a, b, shift, single, forbidden, unit, Fraction(problem.constant), error, step)

    def pairs(self, i: int, k: int) -> np.ndarray:
        """Units of the pairs (i,j), (k,l) for all j and l, shape (N, N), int64."""
        total = np.zeros((self.size, self.size), dtype=np.int64)
        for a, b in zip(self.a, self.b, strict=True):
            total += a[i, k] * b + a[k, i] * b.T
        return total >> self.shift

    def below(self, units: int) -> float:
        """Largest float that is a lower bound if no permutation has fewer units."""
        value = self.unit * int(units) + self.constant - self.error
        if self.step:
            value = self.constant + math.ceil((value - self.constant) / self.step) * self.step
        return float_below(value)

    def enough(self, value: float) -> int:
        """Least number of units whose lower bound is at least `value`."""
        wanted = Fraction(value)
        if self.step:
            wanted = self.constant + (math.ceil((wanted - self.constant) / self.step) - 1) * (
                self.step
            )
            return math.floor((wanted - self.constant + self.error) / self.unit) + 1
        return math.ceil((wanted - self.constant + self.error) / self.unit)


def float_below(value: Fraction) -> float:
    """The largest float that does not exceed `value`."""
    try:
        nearest = float(value)
    except OverflowError:
        return -math.inf if value < 0 else np.finfo(float).max
    return nearest if Fraction(nearest) <= value else float(np.nextafter(nearest, -np.inf))


def exact_cost(problem: QAP, permutation: np.ndarray) -> Fraction:
    """Cost of a permutation without any rounding."""
    rows = np.arange(problem.size)
    total = Fraction(problem.constant)
    for a, b in zip(problem.A_terms, problem.B_terms, strict=True):
        total += _exact_sum_of_products(a, b[np.ix_(permutation, permutation)])
    if problem.linear is not None:
        ones = np.ones(problem.size)
        total += _exact_sum_of_products(problem.linear[rows, permutation], ones)
    return total


def _exact_sum_of_products(x: np.ndarray, y: np.ndarray) -> Fraction:
    """Mantissas are integers of 53 bits: sum their products by exponent, in Python's integers."""
    sums: dict[int, int] = {}
    mantissa_x, exponent_x = np.frexp(x.ravel())
    mantissa_y, exponent_y = np.frexp(y.ravel())
    whole_x = np.ldexp(mantissa_x, 53).astype(np.int64)
    whole_y = np.ldexp(mantissa_y, 53).astype(np.int64)
    exponents = exponent_x.astype(np.int64) + exponent_y
    for p, q, exponent in zip(whole_x.tolist(), whole_y.tolist(), exponents.tolist(), strict=True):
        sums[exponent] = sums.get(exponent, 0) + p * q
    return sum(
        (value * Fraction(2) ** (exponent - 106) for exponent, value in sums.items()), Fraction(0)
    )


def _largest(terms: np.ndarray) -> Fraction:
    return Fraction(float(np.abs(terms).max()))


def _whole(terms: np.ndarray, any_scale: bool) -> tuple[np.ndarray, Fraction, Fraction]:
    """Integers, their scale, and the sum of what they miss.

    Matrices with few levels, such as 0 and 1/sqrt(N k), are multiples of their smallest entry, and
    exact with that as scale; all others are scaled by a power of two.
    """
    magnitudes = np.abs(terms)
    largest = float(magnitudes.max())
    if largest == 0.0:
        return np.zeros(terms.shape, dtype=np.int64), Fraction(1), Fraction(0)
    exponent = _BITS - math.frexp(largest)[1]
    scaled = np.ldexp(terms, exponent)
    whole = np.rint(scaled)
    if any_scale and not np.array_equal(whole, scaled):
        least = float(magnitudes[magnitudes > 0].min())
        if _multiples(np.unique(terms), least):
            return np.rint(terms / least).astype(np.int64), Fraction(least), Fraction(0)
    # The difference of a float and its rounding to an integer is itself a float: no error here.
    missed = Fraction(math.fsum(np.abs(scaled - whole).ravel()))
    if missed:
        missed *= 1 + Fraction(1, 2**50)
    if not np.array_equal(np.ldexp(scaled, -exponent), terms):
        missed += Fraction(terms.size, 2**1074)  # tiny entries have lost digits in scaling
    scale = Fraction(2) ** -exponent
    return whole.astype(np.int64), scale, missed * scale


def _multiples(levels: np.ndarray, least: float) -> bool:
    """Whether few numbers are all small multiples of the least of them, without any rounding."""
    return (
        len(levels) <= 64
        and float(np.abs(levels).max()) < least * 2**_BITS
        and all(
            Fraction(level) == round(level / least) * Fraction(least) for level in levels.tolist()
        )
    )


def _diagonals(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """What the diagonals of A and B cost each i -> j, before the shift."""
    return np.einsum("ti,tj->ij", *(np.diagonal(x, axis1=1, axis2=2) for x in (a, b)))


def _largest_pair(a: np.ndarray, b: np.ndarray) -> int:
    """More than any pair costs before the shift, with the diagonals counted as pairs too."""
    return int(
        sum(2 * int(np.abs(x).max()) * int(np.abs(y).max()) for x, y in zip(a, b, strict=True))
    )


def _floor_units(linear: np.ndarray, unit: Fraction) -> np.ndarray:
    if not linear.any():
        return np.zeros(linear.shape, dtype=np.int64)
    # With a linear term every scale is a power of two, so division by the unit is exact.
    exponent = unit.numerator.bit_length() - unit.denominator.bit_length()
    units = np.floor(np.ldexp(linear, -exponent))
    units[(linear < 0) & (units == 0)] = -1  # so small that it vanished
    return units.astype(np.int64)


def _step(
    problem: QAP, a: np.ndarray, b: np.ndarray, scale: Fraction, linear: np.ndarray
) -> Fraction:
    """The greatest number that divides all differences of costs; see `FixedPoint.step`."""
    off = ~np.eye(problem.size, dtype=bool)
    both = 2 if problem.symmetric else 1
    divisors = [
        factor * int(np.gcd.reduce(x[mask])) * int(np.gcd.reduce(y[mask]))
        for x, y in zip(a, b, strict=True)
        for mask, factor in ((off, both), (~off, 1))
        if mask.any()
    ]
    if linear.any():
        parts = [Fraction(value) / scale for value in np.unique(linear).tolist()]
        if any(part.denominator != 1 for part in parts):
            return Fraction(0)
        divisors += [int(part) for part in parts]
    return math.gcd(*divisors) * scale
