"""Certificates: written, read, checked without the solvers; what is not true is refused."""

import dataclasses
import math
import pickle
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from blindmatch.certificate import Certificate, _content_digest, verify
from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import float_below
from blindmatch.proof import REPEAT, STOP
from blindmatch.qap import QAP
from blindmatch.solvers import _plan, solve
from blindmatch.solvers._plan import Plan
from tests.problems import (
    KINDS,
    exact_costs,
    hurry_relaxation,
    least_cost,
    random_problem,
)

SIZE = 6


def by_ascent(kind, seed=0):
    problem = random_problem(kind, SIZE, seed)
    return problem, solve(problem, "hahn-grant", max_sweeps=2).certificate


def by_tree(kind, seed=0, **options):
    """Branch and bound from the first duals, so that the tree is large."""
    problem = random_problem(kind, SIZE, seed)
    plan = Plan(branch=True, max_sweeps=0, starts=0, **options)
    return problem, _plan.run(plan, problem, seed, None, None).certificate


def by_relaxation(kind):
    with pytest.MonkeyPatch.context() as patch:
        hurry_relaxation(patch)
        made = (by_tree(kind, seed, relax=True) for seed in range(99))
        return next(case for case in made if case[1].factor is not None)


@pytest.fixture(scope="module")
def made():
    """Certificates of each sort with their problems."""
    return {
        "ascent": by_ascent("diagonals"),
        "tree": by_tree("asymmetric"),
        "forbidden": by_tree("forbidden"),
        "integers": by_tree("integers"),
        "relaxation": by_relaxation("symmetric"),
    }


SORTS = ["ascent", "tree", "forbidden", "integers", "relaxation"]


@pytest.mark.parametrize("sort", SORTS)
def test_what_was_saved_is_read_and_proves_the_same(sort, made, tmp_path):
    problem, certificate = made[sort]
    path = tmp_path / "proof.npz"
    certificate.save(path)
    verdict, again = verify(certificate, problem), verify(path, problem)
    assert dataclasses.asdict(verdict) == dataclasses.asdict(again)
    assert verdict.bound == certificate.bound
    assert Fraction(verdict.bound) <= least_cost(problem)
    [cost] = exact_costs(problem, certificate.permutation[None])
    assert verdict.cost == float_below(cost)
    assert verdict.steps > 0
    first = path.read_bytes()
    Certificate.load(path).save(path)
    with np.load(path) as file:
        assert str(file["sha256"]) == str(np.load(tmp_path / "proof.npz")["sha256"])
    assert len(path.read_bytes()) == len(first)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_problem_is_proved_by_every_way(kind):
    for way in (by_ascent, by_tree):
        for seed in range(3):
            problem, certificate = way(kind, seed)
            verdict = verify(certificate, problem)
            assert Fraction(verdict.bound) <= least_cost(problem)
            if way is by_tree:
                assert verdict.cost - verdict.bound <= 2e-9 * problem.magnitude


def test_trees_have_nodes_of_every_sort(made):
    lines = {
        step.line
        for _, certificate in made.values()
        for n in certificate.nodes.values()
        for step in n
    }
    depths = {len(fixed) for _, certificate in made.values() for fixed in certificate.nodes}
    assert {STOP, REPEAT} < lines
    assert max(depths) >= 2
    low = {step.lowered for n in made["relaxation"][1].nodes.values() for step in n}
    assert any(low)


def test_a_rectangular_problem_is_made_square_as_for_the_solver():
    rng = np.random.default_rng(0)
    problem = QAP(rng.normal(size=(4, 4)), rng.normal(size=(6, 6)))
    certificate = solve(problem, "auto").certificate
    assert verify(certificate, problem).bound == verify(certificate, problem.square()).bound


def test_progress_is_told(made, monkeypatch):
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    lines = []
    problem, certificate = made["tree"]
    verify(certificate, problem, progress=lines.append)
    assert "checked 1 steps" in lines


# Refusals. Digests are made anew, so that only the check itself can object.


def damage(path, change, *, digest=True):
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files if name != "sha256"}
    written = _content_digest(arrays)
    change(arrays)
    arrays["sha256"] = np.array(_content_digest(arrays) if digest else written)
    np.savez_compressed(path, **arrays)


def put(name, value):
    return lambda arrays: arrays.update({name: np.asarray(value)})


def add(name, value, at=0):
    def change(arrays):
        arrays[name].ravel()[at] += value

    return change


def random_duals(arrays):
    rng = np.random.default_rng(0)
    arrays["P"] += rng.integers(-(1 << 24), 1 << 24, size=arrays["P"].shape, dtype=np.int32)


def all_but_the_first_step_dropped(arrays):
    sizes = arrays["sizes"][:1]
    arrays.update(P=arrays["P"][: (sizes**3).sum()], Q=arrays["Q"][: (sizes**3).sum()])
    arrays.update(beta=arrays["beta"][: sizes.sum()])
    arrays["pairs"] = arrays["pairs"][: 2 * arrays["depths"][:1].sum()]
    for name in ("depths", "sizes", "lines", "lowered"):
        arrays[name] = arrays[name][:1]


CHANGES = {
    "higher bound": lambda arrays: arrays.update(bound=np.floor(arrays["bound"]) + 1),
    "bound is no number": put("bound", np.nan),
    "infinite bound": put("bound", np.inf),
    "lower target": add("target", -(1 << 40)),
    "other duals": random_duals,
    "other columns": lambda arrays: np.add(arrays["beta"][:1], 1 << 50, out=arrays["beta"][:1]),
    "all stop": lambda arrays: arrays["lines"].fill(STOP),
    "only one step": all_but_the_first_step_dropped,
    "no nodes": lambda arrays: [
        arrays.update({name: arrays[name][:0]})
        for name in ("P", "Q", "beta", "pairs", "depths", "sizes", "lines", "lowered")
    ],
    "no permutation": put("permutation", np.zeros(SIZE, dtype=np.int64)),
    "a permutation of others": put("permutation", np.arange(SIZE + 1)),
    "real permutation": lambda arrays: arrays.update(permutation=arrays["permutation"] * 1.0),
    "other problem": put("problem", "0" * 64),
    "newer format": put("format", 99),
    "wide duals": lambda arrays: arrays.update(P=arrays["P"].astype(np.int64)),
    "unsigned duals": lambda arrays: arrays.update(Q=arrays["Q"].view(np.uint32)),
    "real duals": lambda arrays: arrays.update(P=arrays["P"].astype(float)),
    "real columns": lambda arrays: arrays.update(beta=arrays["beta"].astype(float)),
    "huge columns": lambda arrays: arrays["beta"].fill(1 << 62),
    "least columns": lambda arrays: arrays["beta"].fill(-(1 << 63)),
    "line out of range": lambda arrays: arrays["lines"].fill(99),
    "line below all": lambda arrays: arrays["lines"].fill(-3),
    "too few numbers": lambda arrays: arrays.update(P=arrays["P"][:-1]),
    "negative sizes": lambda arrays: np.negative(arrays["sizes"], out=arrays["sizes"]),
    "huge sizes": lambda arrays: arrays["sizes"].fill(1 << 40),
    "lists of unequal length": lambda arrays: arrays.update(lines=arrays["lines"][1:]),
    "an array is missing": lambda arrays: arrays.pop("beta"),
    "an array has no shape": put("depths", 3),
    "text for numbers": put("target", "many"),
}
#: What one step proves needs no others.
HARMLESS = {("ascent", "all stop"), ("ascent", "only one step"), ("relaxation", "only one step")}
REFUSED = [
    (sort, change)
    for sort in ("ascent", "tree", "relaxation")
    for change in CHANGES
    if (sort, change) not in HARMLESS
]


@pytest.mark.parametrize(("sort", "change"), REFUSED)
def test_changed_certificates_are_refused(sort, change, made, tmp_path):
    problem, certificate = made[sort]
    path = tmp_path / "proof.npz"
    certificate.save(path)
    damage(path, CHANGES[change])
    with pytest.raises(BlindmatchError):
        verify(path, problem)


FACTORS = {
    "none": np.empty((0, 0), dtype=np.int64),
    "zeros": np.zeros((SIZE**2 + 1, 3), dtype=np.int64),
    "too few rows": np.ones((SIZE**2, 3), dtype=np.int64),
    "too many columns": np.zeros((SIZE**2 + 1, SIZE**2 + 2), dtype=np.int64),
    "too large": np.full((SIZE**2 + 1, 3), 1 << 20),
    "least integer": np.full((SIZE**2 + 1, 3), -(1 << 63)),
    "real": np.ones((SIZE**2 + 1, 3)),
    "a line": np.ones(SIZE**2 + 1, dtype=np.int64),
}


@pytest.mark.parametrize("name", FACTORS)
def test_other_factors_are_refused(name, made, tmp_path):
    problem, certificate = made["relaxation"]
    path = tmp_path / "proof.npz"
    certificate.save(path)
    damage(path, put("factor", FACTORS[name]))
    with pytest.raises(BlindmatchError, match="certificate"):
        verify(path, problem)


@pytest.mark.parametrize("shift", [-1, 0, 61, 200])
def test_other_shifts_are_refused(shift, made, tmp_path):
    problem, certificate = made["relaxation"]
    path = tmp_path / "proof.npz"
    certificate.save(path)
    damage(path, put("factor_shift", shift))
    with pytest.raises(BlindmatchError, match="certificate"):
        verify(path, problem)


def test_a_flipped_bit_is_noticed_by_the_digest(made, tmp_path):
    problem, certificate = made["tree"]
    path = tmp_path / "proof.npz"
    certificate.save(path)
    damage(path, add("P", 1), digest=False)
    with pytest.raises(BlindmatchError, match="has been changed since it was written"):
        verify(path, problem)


def test_other_problems_are_refused(made):
    problem, certificate = made["tree"]
    A = problem.A.copy()
    A[0, 1] = np.nextafter(A[0, 1], 1)
    for other in (QAP(A, problem.B), made["ascent"][0], made["forbidden"][0]):
        if other.digest == problem.digest:
            continue
        with pytest.raises(BlindmatchError, match="made for problem"):
            verify(certificate, other)


@pytest.mark.parametrize("content", [b"", b"PK", b"no archive", pickle.dumps([1, 2])])
def test_files_that_are_no_certificates_are_refused(content, made, tmp_path):
    path = tmp_path / "proof.npz"
    path.write_bytes(content)
    with pytest.raises(BlindmatchError, match="not a readable certificate"):
        verify(path, made["tree"][0])


def test_missing_cut_and_pickled_files_are_refused(made, tmp_path):
    problem, certificate = made["tree"]
    path = tmp_path / "proof.npz"
    with pytest.raises(BlindmatchError, match=r"proof\.npz: cannot be read \(No such file"):
        verify(path, problem)
    certificate.save(path)
    content = path.read_bytes()
    for length in (len(content) - 1, len(content) // 2, 10):
        path.write_bytes(content[:length])
        with pytest.raises(BlindmatchError, match="not a readable certificate"):
            verify(path, problem)
    np.savez(path, sha256=np.array([{"P": 1}], dtype=object), format=1)
    with pytest.raises(BlindmatchError, match="holds pickled Python objects"):
        verify(path, problem)
    np.save(path.with_suffix(".npy"), np.zeros(3))
    with pytest.raises(BlindmatchError, match="not a readable certificate"):
        verify(path.with_suffix(".npy"), problem)


def changed_at_random(certificate, rng):
    """A certificate with any of its numbers changed."""
    nodes = {fixed: list(steps) for fixed, steps in certificate.nodes.items()}
    for _ in range(rng.integers(1, 4)):
        fixed = list(nodes)[rng.integers(len(nodes))]
        number = rng.integers(len(nodes[fixed]))
        step = nodes[fixed][number]
        P, Q, beta, line = step.P.copy(), step.Q.copy(), step.beta.copy(), step.line
        amount = int(rng.choice([1, 1 << 10, 1 << 20, 1 << 30])) * int(rng.choice([-1, 1]))
        what = rng.integers(7)
        if what < 3 and len(P):
            target = (P, Q, beta)[what].reshape(-1)
            target[rng.integers(len(target))] = np.clip(amount, -(1 << 31), (1 << 31) - 1)
        elif what == 3 and len(P):
            (P, Q)[rng.integers(2)][:] += rng.integers(-(1 << 24), 1 << 24, size=P.shape)
        elif what == 4:
            line = int(rng.integers(REPEAT, 2 * SIZE))
        elif what == 5:
            nodes[frozenset(list(fixed)[:-1])] = nodes.pop(fixed)
            continue
        elif what == 6:
            del nodes[fixed][number:]
            if not nodes[fixed]:
                del nodes[fixed]
            if not nodes:
                return dataclasses.replace(certificate, nodes=nodes)
            continue
        nodes[fixed][number] = dataclasses.replace(step, P=P, Q=Q, beta=beta, line=line)
    factor = certificate.factor
    if factor is not None and rng.random() < 0.5:
        factor = factor.copy()
        factor.ravel()[rng.integers(factor.size)] += rng.integers(-1000, 1000)
    target = certificate.target + int(rng.choice([0, 1, 100, -(10**6), 10**6, 1 << 60]))
    return dataclasses.replace(certificate, nodes=nodes, factor=factor, target=target)


@pytest.mark.parametrize("sort", SORTS)
def test_nothing_proves_a_bound_above_the_optimum(sort, made):
    problem, certificate = made[sort]
    least = float_below(least_cost(problem))
    false = math.nextafter(least, math.inf)
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        changed = changed_at_random(certificate, rng)
        with pytest.raises(BlindmatchError, match="certificate"):
            verify(dataclasses.replace(changed, bound=false), problem)
        weaker = dataclasses.replace(changed, bound=certificate.bound - 0.1 * abs(least))
        try:
            held += verify(weaker, problem).bound <= least
        except BlindmatchError:
            continue
    assert held  # many changes leave a proof of something


def test_certificates_are_checked_without_numba_and_without_the_solvers(made, tmp_path):
    problem, certificate = made["relaxation"]
    certificate.save(tmp_path / "proof.npz")
    problem.save(tmp_path / "problem.npz")
    program = (
        "import sys\n"
        "sys.modules['numba'] = sys.modules['blindmatch.solvers'] = None\n"
        "import blindmatch\n"
        f"problem = blindmatch.QAP.load({str(tmp_path / 'problem.npz')!r})\n"
        f"print(blindmatch.verify({str(tmp_path / 'proof.npz')!r}, problem).bound)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == repr(certificate.bound), done.stderr
