import itertools
import sys

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.subsets import _swap_deltas, _why_not_gurobi, select_subsets


def distortion(classes, seed=0):
    matrix = np.random.default_rng(seed).random((classes, classes))
    return matrix + matrix.T


def best_by_enumeration(matrix, size, ranks):
    values = [
        (matrix[np.ix_(chosen, chosen)].sum(), chosen)
        for chosen in itertools.combinations(range(len(matrix)), size)
    ]
    return sorted(values)[:ranks]


@pytest.mark.parametrize("seed", range(3))
def test_gurobi_finds_and_proves_the_k_best(seed):
    pytest.importorskip("gurobipy")
    matrix = distortion(11, seed)
    found = select_subsets(matrix, 4, ranks=5, method="gurobi", time_limit=30)
    expected = best_by_enumeration(matrix, 4, 5)
    assert found.classes.tolist() == [list(chosen) for _, chosen in expected]
    np.testing.assert_allclose(found.objectives, [value for value, _ in expected])
    assert (found.status, found.method) == ("optimal", "gurobi")
    assert found.bound <= found.objectives[0]
    assert found.gap == 0


@pytest.mark.parametrize("seed", range(3))
def test_local_search_finds_the_best_and_claims_nothing(seed):
    matrix = distortion(11, seed)
    found = select_subsets(matrix, 4, ranks=3, method="local-search")
    assert found.objectives[0] == pytest.approx(best_by_enumeration(matrix, 4, 1)[0][0])
    assert (found.status, found.bound, found.gap) == ("local search", -np.inf, np.inf)
    assert len({tuple(chosen) for chosen in found.classes.tolist()}) == 3
    assert (np.diff(found.objectives) >= 0).all()


def test_what_ends_at_the_time_limit_is_not_called_optimal():
    pytest.importorskip("gurobipy")
    found = select_subsets(distortion(90), 45, ranks=2, time_limit=0.5)
    assert found.status == "time limit"
    assert found.bound < found.objectives[0]
    assert found.gap > 0


def test_without_gurobi_the_local_search_stands_alone_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "gurobipy", None)
    lines = []
    found = select_subsets(distortion(8), 3, report=lines.append)
    assert found.method == "local search"
    assert lines == ["subsets by local search alone, without a bound: gurobipy is not installed"]
    with pytest.raises(BlindmatchError, match="by Gurobi: gurobipy is not installed"):
        select_subsets(distortion(8), 3, method="gurobi")


def test_above_the_licence_the_local_search_stands_alone_and_says_so():
    pytest.importorskip("gurobipy")
    if _why_not_gurobi(230) is None:
        pytest.skip("the Gurobi licence of this machine serves 230 classes")
    lines = []
    found = select_subsets(distortion(230), 20, report=lines.append)
    assert found.method == "local search"
    assert "licence does not serve 230 classes" in lines[0]


def test_all_classes_are_one_subset():
    found = select_subsets(distortion(6), 6, ranks=10)
    assert found.classes.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert (found.status, found.method, found.gap) == ("optimal", "all classes", 0)


def test_without_a_known_pairing_there_is_nothing_to_select_by():
    with pytest.raises(BlindmatchError, match=r"4 of 6 classes asked for; .* match all 6"):
        select_subsets(distortion(6), 4, paired=False)
    assert select_subsets(distortion(6), 6, paired=False).classes.shape == (1, 6)


def test_more_classes_than_there_are_is_refused():
    with pytest.raises(BlindmatchError, match="7 classes asked for, the dataset has 6"):
        select_subsets(distortion(6), 7)


def test_swap_deltas_are_differences_of_objectives():
    matrix = distortion(7)
    inside, outside = np.array([0, 2, 5]), np.array([1, 3, 4, 6])
    before = matrix[np.ix_(inside, inside)].sum()
    for a, b in itertools.product(range(3), range(4)):
        changed = inside.copy()
        changed[a] = outside[b]
        after = matrix[np.ix_(changed, changed)].sum()
        assert _swap_deltas(matrix, inside, outside)[a, b] == pytest.approx(after - before)
