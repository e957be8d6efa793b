"""Sweeps on a device give the integers of the CPU's.

Where there is no GPU, Triton's interpreter runs the same kernels.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.fixed_point import FixedPoint
from blindmatch.qap import QAP
from blindmatch.solvers import _duals, _sweep_device
from blindmatch.solvers._duals import INFEASIBLE, Duals, integer_costs, typical_pair
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._sweep_gpu import DeviceDuals, sweep_batch

torch = pytest.importorskip("torch")
triton = pytest.importorskip("triton")

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "interpreter" if INTERPRETED else "cuda"
on_device = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()), reason="needs a CUDA device"
)
real = pytest.mark.skipif(INTERPRETED, reason="too much for Triton's interpreter")
compiled = pytest.mark.skipif(INTERPRETED, reason="Triton's interpreter compiles nothing")


def root(problem):
    fixed_point = FixedPoint.of(problem)
    costs = integer_costs(fixed_point)
    items = np.arange(fixed_point.size)
    return Duals(costs, *first_duals(fixed_point, costs), rows=items, columns=items)


def random_problem(size, *, terms=1, symmetric=False, whole=False, forbidden=0.0, seed=0):
    rng = np.random.default_rng([seed, size])
    A, B = rng.normal(size=(2, terms, size, size))
    if whole:
        A, B = np.rint(A), np.rint(B)
    if symmetric:
        A, B = (x + x.transpose(0, 2, 1) for x in (A, B))
    # The identity stays possible.
    mask = (rng.random((size, size)) < forbidden) & ~np.eye(size, dtype=bool)
    return QAP(A, B, rng.normal(size=(size, size)), forbidden=mask)


def with_table(duals):
    """The same problem with its pair costs in a table."""
    size = duals.size
    sums = sum(
        np.einsum("ik,jl->ijkl", a, b) for a, b in zip(duals.costs.a, duals.costs.b, strict=True)
    )
    nothing = np.zeros((1, size, size))
    costs = duals.costs._replace(a=nothing, b=nothing, table=np.floor(sums).astype(np.int32))
    return Duals(costs, duals.P, duals.Q, rows=duals.rows, columns=duals.columns)


CASES = {
    "two items": lambda: root(random_problem(2)),
    "symmetric": lambda: root(random_problem(6, symmetric=True)),
    "asymmetric": lambda: root(random_problem(4)),
    "terms": lambda: root(random_problem(4, terms=3)),
    "ties": lambda: root(random_problem(5, symmetric=True, whole=True)),
    "forbidden": lambda: root(random_problem(5, forbidden=0.6)),
    "table": lambda: with_table(root(random_problem(4))),
}


@pytest.fixture(autouse=True)
def side_by_side(monkeypatch):
    """The CPU cuts sweeps into parts at any size."""
    monkeypatch.setattr(_duals, "_PARALLEL_SIZE", 0)


def sweep(duals, number, *, cap=4, **options):
    epsilon = int(0.1 * 0.9**number * typical_pair(duals.costs))
    return duals.sweep(epsilon, cap, threads=2, **options)


def assert_same(device, cpu):
    for name in ("P", "Q", "leader", "reduced", "suggestion", "beta", "bound"):
        ours = getattr(device, name)
        ours = ours.cpu() if name in ("P", "Q") else ours
        np.testing.assert_array_equal(ours, getattr(cpu, name), err_msg=name)
    np.testing.assert_array_equal(device.costs.blocked, cpu.costs.blocked)


@on_device
@pytest.mark.parametrize("name", CASES)
def test_sweeps_are_those_of_the_cpu(name):
    cpu = CASES[name]()
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    assert_same(device, cpu)
    first = cpu.bound
    assert sweep(device, 0) is sweep(cpu, 0) is True
    assert_same(device, cpu)
    assert cpu.bound > first or cpu.size == 2


@on_device
def test_bids_are_counted():
    cpu, other = (root(random_problem(5, symmetric=True)) for _ in range(2))
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    for each, cap in ((device, 1), (cpu, 1), (other, 4)):
        sweep(each, 0, cap=cap)
    assert_same(device, cpu)
    assert not np.array_equal(cpu.P, other.P)


@on_device
@pytest.mark.parametrize("line", ["row", "column"])
def test_assignments_without_a_completion_are_blocked(line):
    # Row 0 may use column 0 only, so nobody else may (or the other way); nothing says so at first.
    cpu = root(random_problem(4))
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    closed = np.zeros((4, 4), dtype=bool)
    closed[0, 1:] = True
    for duals in (device, cpu):
        duals.block(closed if line == "row" else closed.T)
        sweep(duals, 0)
    assert_same(device, cpu)
    blocked = device.costs.blocked if line == "row" else device.costs.blocked.T
    assert blocked[1:, 0].all()


@on_device
def test_a_problem_without_any_permutation_stays_the_same():
    cpu = root(random_problem(3))
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    closed = np.zeros((3, 3), dtype=bool)
    closed[0] = True
    for duals in (device, cpu):
        duals.block(closed)
        sweep(duals, 0)
    assert_same(device, cpu)
    assert device.bound == INFEASIBLE


@on_device
@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (33, 33 * 33),
        pytest.param(100, 20, marks=real),
        pytest.param(270, 500, marks=real),
        pytest.param(520, 3000, marks=real),
    ],
)
def test_the_first_parts_of_larger_problems(size, parts, monkeypatch):
    monkeypatch.setattr(_duals, "PARTS", parts)
    cpu = root(random_problem(size, symmetric=True))
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    for each, options in ((device, {"parts": parts}), (cpu, {})):
        stops = iter([False, False, False, True])
        assert sweep(each, 0, stop=stops.__next__, **options) is False
    assert_same(device, cpu)


@on_device
def test_slices_change_nothing(monkeypatch):
    duals = root(random_problem(3))
    together, sliced = (
        DeviceDuals(duals.copy(), device=DEVICE, scratch=scratch) for scratch in (1 << 20, 1)
    )
    together.sweep(100, 4, parts=2)
    monkeypatch.setattr(_sweep_device, "_SUMMED", 1)
    sliced.sweep(100, 4, parts=2)
    assert_same(sliced, together.to_cpu())


@on_device
def test_state_push_and_restore_are_those_of_the_cpu():
    cpu = root(random_problem(4))
    device = DeviceDuals(cpu.copy(), device=DEVICE)
    for duals in (device, cpu):
        before = duals.state()
        sweep(duals, 0)
        duals.push(before)
        sweep(duals, 1)
    assert_same(device, cpu)
    swept = cpu.P.copy()
    for duals in (device, cpu):
        state = duals.state()
        duals.P[:] += 7
        duals.restore(state)
    assert_same(device, cpu)
    np.testing.assert_array_equal(cpu.P, swept)


@on_device
def test_what_comes_back_to_the_cpu_is_a_copy():
    device = DeviceDuals(root(random_problem(4)), device=DEVICE)
    back, child = device.to_cpu(), device.child(0, 1)
    assert type(back) is type(child) is Duals
    assert_same(device, back)
    assert child.size == 3
    back.P[:] += 1
    back.costs.blocked[:] += 1
    assert not np.array_equal(device.P.cpu(), back.P)
    assert not device.costs.blocked.any()


@on_device
def test_a_batch_is_swept_like_each_of_its_problems():
    batch = [root(random_problem(3, seed=seed, forbidden=0.2)) for seed in range(3)]
    alone = [duals.copy() for duals in batch]
    sweep_batch(batch, sweeps=2, epsilon=0.1, decay=0.9, cap=4, device=DEVICE)
    for swept, cpu in zip(batch, alone, strict=True):
        for number in range(2):
            sweep(cpu, number)
        for name in ("P", "Q", "reduced", "bound"):
            np.testing.assert_array_equal(getattr(swept, name), getattr(cpu, name), err_msg=name)


@on_device
def test_a_batch_of_unequal_problems_is_refused():
    batch = [root(random_problem(size)) for size in (4, 5)]
    with pytest.raises(BlindmatchError, match="problems: expected as many items and terms in all"):
        sweep_batch(batch, sweeps=1, epsilon=0.1, decay=0.9, cap=4, device=DEVICE)


@on_device
def test_a_deadline_in_the_past_stops_before_the_first_part():
    duals = root(random_problem(4))
    device = DeviceDuals(duals, device=DEVICE)
    assert device.sweep(100, 4, deadline=0.0) is False


@compiled
def test_the_interpreter_passes_the_tests_above():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", __file__]
    done = subprocess.run(
        command, env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert "needs a CUDA device" not in done.stdout


@compiled
@pytest.mark.parametrize("tabled", [False, True])
@pytest.mark.parametrize(("lanes", "warps"), [(32, 1), (1024, 4)])
def test_kernels_compile_for_a_gpu(lanes, warps, tabled, tmp_path, monkeypatch):
    from blindmatch.solvers import _sweep_triton

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    constants = {"TERMS": 2, "TABLED": tabled, "ROWS": 256 * warps // lanes, "LANES": lanes}
    for kernel in (_sweep_triton.solve_tasks, _sweep_triton.keep_tasks):
        used = {name: value for name, value in constants.items() if name in kernel.arg_names}
        source = triton.compiler.ASTSource(
            kernel, {name: kind(name) for name in kernel.arg_names}, used
        )
        built = triton.compile(
            source,
            target=triton.backends.compiler.GPUTarget("cuda", 90, 32),
            options={"num_warps": warps, "enable_fp_fusion": True},
        )
        assert built.asm["cubin"]
        assert ".f32" not in built.asm["ptx"]


def kind(name):
    """Type of a kernel's argument."""
    if name.isupper() and len(name) > 1:
        return "constexpr"
    if name in ("first", "start", "count", "cap", "size", "width"):
        return "i32"
    return {"a": "*fp64", "b": "*fp64", "order": "*i64", "epsilon": "*i64"}.get(name, "*i32")


def test_an_unknown_device_is_refused():
    with pytest.raises(BlindmatchError, match="expected cuda or interpreter, found 'gpu'"):
        DeviceDuals(root(random_problem(3)), device="gpu")


@compiled
@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_without_a_gpu_nothing_falls_back():
    with pytest.raises(BlindmatchError, match="'cuda' expects a CUDA device, found none"):
        DeviceDuals(root(random_problem(3)), device="cuda")


@pytest.mark.parametrize("name", ["torch", "triton"])
def test_a_missing_library_is_named(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BlindmatchError, match=f"PyTorch and Triton, found no {name}"):
        DeviceDuals(root(random_problem(3)), device=DEVICE)


def test_the_interpreter_is_no_gpu():
    other = "cuda" if INTERPRETED else "interpreter"
    with pytest.raises(BlindmatchError, match=f"'{other}' expects TRITON_INTERPRET to be"):
        DeviceDuals(root(random_problem(3)), device=other)
