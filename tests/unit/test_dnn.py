"""The doubly nonnegative relaxation: what it says must hold, however far it has come."""

import itertools

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.solvers._dnn import Relaxation, ascend
from blindmatch.solvers._gilmore_lawler import gilmore_lawler

# Nugent, Vollmann and Ruml (1968) with eight facilities on a grid of 2 x 4; optimum 214.
_FLOWS = [
    [0, 5, 2, 4, 1, 0, 0, 6],
    [5, 0, 3, 0, 2, 2, 2, 0],
    [2, 3, 0, 0, 0, 0, 0, 5],
    [4, 0, 0, 0, 5, 2, 2, 10],
    [1, 2, 0, 5, 0, 10, 0, 0],
    [0, 2, 0, 2, 10, 0, 5, 1],
    [0, 2, 0, 2, 0, 5, 0, 10],
    [6, 0, 5, 10, 0, 1, 10, 0],
]


def _random_costs(size: int, seed: int) -> np.ndarray:
    costs = np.random.default_rng(seed).normal(size=(size * size, size * size))
    return costs + costs.T


def _cost(costs: np.ndarray, permutation) -> float:
    chosen = np.arange(len(permutation)) * len(permutation) + np.array(permutation)
    return float(costs[np.ix_(chosen, chosen)].sum())


def _optimum(costs: np.ndarray, allowed=None) -> float:
    size = round(len(costs) ** 0.5)
    return min(
        _cost(costs, permutation)
        for permutation in itertools.permutations(range(size))
        if allowed is None or allowed[np.arange(size), permutation].all()
    )


def _grid_costs() -> np.ndarray:
    places = np.array([(row, column) for row in range(2) for column in range(4)])
    distances = np.abs(places[:, None] - places[None]).sum(2)
    return np.kron(np.array(_FLOWS, dtype=float), distances)


def _slack(costs, factor, allowed=None) -> float:
    """Least slack of the factor's duals over pairs that can be chosen together."""
    size = len(factor.rows)
    rest = (costs - factor.G[1:] @ factor.G[1:].T).reshape((size,) * 4)
    charged = factor.rows[..., None] + factor.columns[:, :, None]
    slack = 2.0 * rest - charged - charged.transpose(2, 3, 0, 1)
    same = np.eye(size, dtype=bool)
    legal = ~(same[:, None, :, None] | same[None, :, None, :])
    if allowed is not None:
        legal = legal & allowed[:, :, None, None] & allowed[None, None]
    return float(slack[legal].min())


@pytest.mark.parametrize("size", [2, 3, 4, 5])
@pytest.mark.parametrize("iterations", [1, 7, 100])
def test_bound_holds_after_any_number_of_iterations(size, iterations):
    for seed in range(4):
        costs = _random_costs(size, seed)
        relaxation = Relaxation(costs)
        relaxation.iterate(iterations)
        factor = relaxation.factor()
        assert factor.value <= _optimum(costs) + 1e-9
        assert _slack(costs, factor) >= -1e-9
        assert factor.G.shape[0] == size * size + 1


def test_small_problems_close():
    for seed in range(4):
        costs = _random_costs(4, seed)
        relaxation = Relaxation(costs, precision="float64")
        relaxation.iterate(150)
        assert relaxation.factor().value == pytest.approx(_optimum(costs), abs=1e-5)


def test_value_is_the_bound_that_the_duals_prove():
    costs = _random_costs(5, 1)
    relaxation = Relaxation(costs)
    relaxation.iterate(20)
    factor = relaxation.factor()
    S = factor.G @ factor.G.T
    leaders = (np.diagonal(costs) - np.diagonal(S)[1:] - 2.0 * S[0, 1:]).reshape(5, 5)
    leaders = leaders + factor.rows.sum(2) + factor.columns.sum(2)
    np.testing.assert_allclose(factor.leaders, leaders, atol=1e-9)
    best = min(leaders[np.arange(5), p].sum() for p in itertools.permutations(range(5)))
    assert factor.value == pytest.approx(best - S[0, 0], abs=1e-9)


def test_any_factor_gives_a_bound():
    """Whoever rounds G relies on this: only the value depends on how good it is."""
    costs = _random_costs(5, 3)
    relaxation = Relaxation(costs)
    relaxation.iterate(100)
    exact = relaxation.factor().G
    generator = np.random.default_rng(0)
    for G in (exact, np.round(2.0 * exact) / 2.0, generator.normal(size=exact.shape)):
        S = G @ G.T
        rest = costs - S[1:, 1:]
        single = np.diagonal(rest) - 2.0 * S[0, 1:]
        bound = gilmore_lawler(rest, single.reshape(5, 5)).value - S[0, 0]
        assert bound <= _optimum(costs) + 1e-9


def test_bound_and_iterates_follow_scale_and_constant():
    costs = _random_costs(5, 2)
    values = []
    for scale, constant in ((1.0, 0.0), (1e-6, 3.0), (1e9, -7.0)):
        relaxation = Relaxation(scale * (costs + constant * np.eye(25)), precision="float64")
        relaxation.iterate(30)
        values.append(relaxation.factor().value / scale - 5 * constant)
    np.testing.assert_allclose(values, values[0], rtol=1e-6)


def test_grid_layout_is_bounded_well_above_gilmore_lawler():
    costs = _grid_costs()
    plain = gilmore_lawler(costs, np.zeros((8, 8))).value
    relaxation = Relaxation(costs)
    relaxation.iterate(200)
    value = relaxation.factor().value
    assert plain < 195.0
    assert 203.0 < value <= 214.0 + 1e-6


def test_forbidden_assignments():
    generator = np.random.default_rng(4)
    for seed in range(4):
        costs = _random_costs(5, seed)
        allowed = generator.random((5, 5)) < 0.6
        allowed[np.arange(5), generator.permutation(5)] = True
        relaxation = Relaxation(costs, allowed=allowed, precision="float64")
        relaxation.iterate(200)
        factor = relaxation.factor()
        assert factor.value <= _optimum(costs, allowed) + 1e-9
        assert factor.value == pytest.approx(_optimum(costs, allowed), abs=0.05)
        assert _slack(costs, factor, allowed) >= -1e-8
        assert np.isinf(factor.leaders[~allowed]).all()
        assert not relaxation.assignment()[~allowed].any()


def test_assignment_is_nearly_the_optimum_where_the_relaxation_is_tight():
    kernel = np.random.default_rng(0).normal(size=(7, 7))
    kernel = kernel + kernel.T
    shuffle = np.random.default_rng(1).permutation(7)
    costs = np.kron(-kernel, kernel[np.ix_(shuffle, shuffle)])
    relaxation = Relaxation(costs)
    relaxation.iterate(150)
    assert np.array_equal(relaxation.assignment().argmax(1), np.argsort(shuffle))
    np.testing.assert_allclose(relaxation.assignment().sum(0), 1.0, atol=1e-3)


def test_iterations_continue():
    costs = _random_costs(5, 5)
    once, twice = Relaxation(costs), Relaxation(costs)
    once.iterate(24)
    twice.iterate(11)
    twice.factor()
    twice.iterate(13)
    assert twice.iterations == once.iterations == 24
    assert twice.residuals == once.residuals
    assert twice.factor().value == once.factor().value


def test_constant_costs():
    relaxation = Relaxation(np.full((16, 16), 2.0))
    relaxation.iterate(10)
    assert relaxation.factor().value == pytest.approx(32.0, abs=1e-4)


def test_torch_agrees_with_lapack():
    pytest.importorskip("torch")
    costs = _random_costs(6, 0)
    values = []
    for device in ("cpu", "torch-cpu"):
        relaxation = Relaxation(costs, precision="float64", device=device)
        relaxation.iterate(40)
        values.append(relaxation.factor().value)
    assert values[0] == pytest.approx(values[1], rel=1e-8)


def test_gilmore_lawler_of_given_split():
    generator = np.random.default_rng(7)
    pairs, single = generator.normal(size=(16, 16)), generator.normal(size=(4, 4))
    bound = gilmore_lawler(pairs, single)
    entries = pairs.reshape(4, 4, 4, 4)
    for i, j in np.ndindex(4, 4):
        others = [row for row in range(4) if row != i]
        least = min(
            entries[i, j, others, list(columns)].sum()
            for columns in itertools.permutations([column for column in range(4) if column != j])
        )
        assert bound.leaders[i, j] == pytest.approx(single[i, j] + least)
        charged = bound.rows[i, j][:, None] + bound.columns[i, j][None]
        inner = np.delete(np.delete(entries[i, j] - charged, i, 0), j, 1)
        assert inner.min() >= -1e-12


@pytest.mark.parametrize(
    ("costs", "options", "message"),
    [
        (np.zeros((4, 5)), {}, "costs: expected shape"),
        (np.zeros((5, 5)), {}, "costs: expected shape"),
        (np.zeros((1, 1)), {}, "costs: expected shape"),
        (np.full((4, 4), np.nan), {}, "costs: expected finite numbers"),
        (np.arange(16.0).reshape(4, 4), {}, "costs: expected a symmetric matrix"),
        (np.zeros((4, 4)), {"allowed": np.ones((3, 3))}, "allowed: expected shape"),
        (np.zeros((4, 4)), {"device": "tpu"}, "device: expected cpu"),
        (np.zeros((4, 4)), {"precision": "float16"}, "precision: expected float32"),
    ],
)
def test_bad_input(costs, options, message):
    with pytest.raises(BlindmatchError, match=message):
        Relaxation(costs, **options)


def test_infeasible_assignments_bound_everything():
    allowed = np.ones((4, 4), dtype=bool)
    allowed[:2, 1:] = False
    relaxation = Relaxation(_random_costs(4, 0), allowed=allowed)
    relaxation.iterate(5)
    assert relaxation.factor().value == np.inf


def test_ascend_ends():
    costs = _random_costs(5, 0)
    optimum = _optimum(costs)
    reached = list(ascend(Relaxation(costs), target=optimum - 0.5, every=10))
    assert reached[-1].value >= optimum - 0.5
    assert all(factor.value < optimum - 0.5 for factor in reached[:-1])

    vanished = Relaxation(costs)
    assert len(list(ascend(vanished, target=np.inf, every=50, patience=np.inf))) < 40
    assert max(vanished.residuals) <= 1e-6

    stalled = list(ascend(Relaxation(_grid_costs()), target=1000.0, every=10))
    assert len(stalled) < 20
    assert max(factor.value for factor in stalled) <= 214.0 + 1e-6
