"""The loops of `_sweep` as Triton kernels: one program per submatrix, and the same integers.

All problems of a batch have N items, and a kernel works on a part of each problem's order. Task t
is submatrix ``t % count`` of that part of problem ``t // count``. Every number is owned by one
program, so results do not depend on scheduling.
"""

import triton
import triton.language as tl

from blindmatch.solvers._sweep import BLOCKED, LIMIT

_BLOCKED = tl.constexpr(BLOCKED)
_TOP = tl.constexpr(LIMIT)
_UNUSABLE = tl.constexpr(BLOCKED - LIMIT)
_INT32_MAX = tl.constexpr(2**31 - 1)
_INT64_MAX = tl.constexpr(2**63 - 1)
#: What becomes of a task: its duals are kept, they have left their range, or it is blocked.
KEPT, LEFT, SKIPPED = tl.constexpr(1), tl.constexpr(0), tl.constexpr(2)


@triton.jit
def _remainders(
    a, b, table, P, Q, blocked, part, matrix, i, j, size, width,
    TERMS: tl.constexpr, TABLED: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Write what remains of the pairs of (i,j), a few rows at a time."""
    lane = tl.arange(0, LANES)
    inside = lane < size
    square = tl.cast(size, tl.int64) * size
    held = tl.load(Q + lane * square + i * size + j, mask=inside, other=0)
    for top in range(0, size, ROWS):
        k = top + tl.arange(0, ROWS)
        real = k < size
        cell = k[:, None] * size + lane[None, :]
        valid = real[:, None] & inside[None, :]
        if TABLED:
            pair = tl.load(table + (i * size + j) * square + cell, mask=valid, other=0)
        else:
            # Exact in any order, as in `Costs`.
            total = tl.zeros((ROWS, LANES), dtype=tl.float64)
            for term in range(TERMS):
                factor = tl.load(a + term * square + i * size + k, mask=real, other=0.0)
                values = tl.load(b + term * square + j * size + lane, mask=inside, other=0.0)
                total += factor[:, None] * values[None, :]
            pair = tl.floor(total).to(tl.int32)
        own = tl.load(P + k * square + i * size + j, mask=real, other=0)
        row = tl.load(P + i * square + cell, mask=valid, other=0)
        column = tl.load(Q + j * square + cell, mask=valid, other=0)
        shared = tl.load(part + cell, mask=valid, other=0)
        closed = tl.load(blocked + cell, mask=valid, other=0)
        rest = ((pair - own[:, None] - held[None, :] - row - column) >> shared) + closed
        usable = valid & (k != i)[:, None] & (lane != j)[None, :]
        place = k[:, None] * width + lane[None, :]
        written = real[:, None] & (lane < width)[None, :]
        tl.store(matrix + place, tl.where(usable, rest, _BLOCKED), mask=written)


@triton.jit
def _bid(matrix, i, epsilon, bids, size, width, LANES: tl.constexpr):
    """Prices after rows have bid for their best columns, at most `bids` times.

    The row that lost its column bids next; else the next one that has not bid yet. That is the
    order of the stack in `_sweep`.
    """
    lane = tl.arange(0, LANES)
    price = tl.zeros((LANES,), dtype=tl.int32)
    owner = tl.full((LANES,), -1, dtype=tl.int32)
    row = tl.where(i == 0, 1, 0)
    fresh = row + 1 + (row + 1 == i).to(tl.int32)
    while (row < size) & (bids > 0):
        bids -= 1
        entries = tl.load(matrix + row * width + lane, mask=lane < width, other=_INT32_MAX)
        # One reduction finds the least value and, among several, the last column.
        offer = ((entries + price).to(tl.int64) << 32) + (LANES - 1 - lane)
        lowest = tl.min(offer)
        at = LANES - 1 - (lowest & 0xFFFFFFFF).to(tl.int32)
        best = lowest >> 32
        second = tl.min(tl.where(lane == at, _INT64_MAX, offer)) >> 32
        loser = tl.max(tl.where(lane == at, owner, -1))
        # The difference to a blocked column says nothing.
        raised = tl.where(second < _UNUSABLE, second - best, 0)
        dearer = tl.minimum(price + raised + epsilon, _TOP).to(tl.int32)
        price = tl.where(lane == at, dearer, price)
        owner = tl.where(lane == at, row, owner)
        row = tl.where(loser >= 0, loser, fresh)
        following = fresh + 1 + (fresh + 1 == i).to(tl.int32)
        fresh = tl.where(loser >= 0, fresh, following)
    return price


@triton.jit
def _repair(
    matrix, price, U, V, i, j, size, width,
    ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Write the feasible duals of prices; whether they are in the range of int32."""
    lane = tl.arange(0, LANES)
    v = tl.full((LANES,), _INT32_MAX, dtype=tl.int32)
    highest = tl.zeros((ROWS,), dtype=tl.int32)
    for top in range(0, size, ROWS):
        k = top + tl.arange(0, ROWS)
        real = k < size
        read = real[:, None] & (lane < width)[None, :]
        entries = tl.load(matrix + k[:, None] * width + lane[None, :], mask=read, other=_INT32_MAX)
        bidding = real & (k != i)
        u = tl.where(bidding, tl.min(entries + price[None, :], axis=1), 0)
        tl.store(U + k, u, mask=real)
        highest = tl.maximum(highest, u)
        left = tl.where(bidding[:, None], entries - u[:, None], _INT32_MAX)
        v = tl.minimum(v, tl.min(left, axis=0))
    v = tl.where(lane == j, 0, v)
    tl.store(V + lane, v, mask=lane < size)
    dearest = tl.max(tl.where(lane < size, v, 0))
    return (tl.max(highest) < _UNUSABLE) & (dearest < _UNUSABLE)


@triton.jit(do_not_specialize=["first", "start", "count", "cap"])
def solve_tasks(
    a, b, table, P, Q, blocked, part, order, epsilon, scratch, U, V, state,
    first, start, count, cap, size, width,
    TERMS: tl.constexpr, TABLED: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Solve one task as the duals are now: duals to U and V, and what became of it.

    Parameters
    ----------
    a, b : pointers to float64, (B, K, N, N)
    table : pointer to int32, (B, N, N, N, N); read if `TABLED`, else a and b are
    P, Q : pointers to int32, (B, N, N, N)
    blocked, part : pointers to int32, (B, N, N)
    order : pointer to int64, (B, N N)
    epsilon : pointer to int64, (B,)
    scratch : pointer to int32, (programs, N, width)
    U, V : pointers to int32, (tasks, N)
    state : pointer to int32, (tasks,)
    first : int
        Task of the first program.
    start, count : int
        Where the part begins in the order, and its length.
    """
    slot = tl.program_id(0)
    task = (first + slot).to(tl.int64)
    problem = task // count
    square = tl.cast(size, tl.int64) * size
    number = tl.load(order + problem * square + start + task % count)
    i, j = (number // size).to(tl.int32), (number % size).to(tl.int32)
    blocked += problem * square
    became = tl.cast(SKIPPED, tl.int32)
    if tl.load(blocked + number) == 0:
        matrix = scratch + tl.cast(slot, tl.int64) * size * width
        _remainders(
            a + problem * TERMS * square,
            b + problem * TERMS * square,
            table + problem * square * square,
            P + problem * square * size,
            Q + problem * square * size,
            blocked,
            part + problem * square,
            matrix, i, j, size, width, TERMS, TABLED, ROWS, LANES,
        )  # fmt: skip
        # Threads read rows that others have written.
        tl.debug_barrier()
        price = _bid(matrix, i, tl.load(epsilon + problem), cap * size, size, width, LANES)
        usable = _repair(
            matrix, price, U + task * size, V + task * size, i, j, size, width, ROWS, LANES
        )
        became = tl.where(usable, KEPT, LEFT)
    tl.store(state + task, became)


@triton.jit(do_not_specialize=["start", "count"])
def keep_tasks(
    P, Q, order, U, V, state, start, count, size,
    LANES: tl.constexpr,
):  # fmt: skip
    """Add the duals of one task to what its assignment holds; see `solve_tasks` and `_sweep`."""
    task = tl.program_id(0).to(tl.int64)
    problem = task // count
    square = tl.cast(size, tl.int64) * size
    number = tl.load(order + problem * square + start + task % count)
    if tl.load(state + task) == KEPT:
        i, j = (number // size).to(tl.int32), (number % size).to(tl.int32)
        k = tl.arange(0, LANES)
        inside = k < size
        place = problem * square * size + k * square + number
        p = tl.load(P + place, mask=inside, other=0).to(tl.int64)
        q = tl.load(Q + place, mask=inside, other=0).to(tl.int64)
        p += tl.load(U + task * size + k, mask=inside, other=0)
        q += tl.load(V + task * size + k, mask=inside, other=0)
        total, pairs = tl.sum(p - q), tl.cast(2 * (size - 1), tl.int64)
        more = total // pairs
        # Division rounds towards zero here, and downwards in `_sweep`.
        more -= (total < more * pairs).to(tl.int64)
        p, q = p - more, q + more
        largest = tl.max(tl.where(inside, tl.maximum(tl.abs(p), tl.abs(q)), 0))
        if largest > _TOP:
            tl.store(state + task, LEFT)
        else:
            tl.store(P + place, p.to(tl.int32), mask=inside & (k != i))
            tl.store(Q + place, q.to(tl.int32), mask=inside & (k != j))
