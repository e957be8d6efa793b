"""Going on from a certificate: its duals, its matching, and the part of its tree that is open."""

from typing import TYPE_CHECKING

import numpy as np

from blindmatch.certificate import Certificate
from blindmatch.errors import BlindmatchError
from blindmatch.proof import Check, lowered
from blindmatch.solvers._duals import Duals, integer_costs
from blindmatch.solvers._first_duals import first_duals
from blindmatch.solvers._relaxed import lowered_costs
from blindmatch.solvers._sweep import BLOCKED
from blindmatch.solvers._tree import Node, Open, Tree

if TYPE_CHECKING:
    from blindmatch.proof import OpenNode
    from blindmatch.solvers._run import Run


def resume(run: "Run", certificate: Certificate) -> Duals | Tree | None:
    """What is left to do: the root's duals, a tree, or nothing.

    The certificate is checked on the way, as `blindmatch.verify` does, so nothing that it says is
    taken on trust. The run's incumbent and record become those of the certificate.

    Raises
    ------
    BlindmatchError
        If it belongs to another problem or is damaged.
    """
    if certificate.problem != run.problem.digest:
        raise BlindmatchError(
            f"warm_start: expected a certificate of this problem, {run.problem.digest[:12]}, found "
            f"one of {certificate.problem[:12]}"
        )
    run.incumbent.offer(certificate.permutation)
    check = Check(
        run.problem,
        run.target,
        certificate.nodes,
        factor=certificate.factor,
        factor_shift=certificate.factor_shift,
        ticker=run.ticker,
    )
    run.bound = max(run.bound, check.run())
    if check.best_leaf is not None:
        # Leaves are closed whatever they cost: only with the best of them is the rest no better.
        run.incumbent.offer(check.best_leaf)
    run.factor, run.factor_shift = certificate.factor, certificate.factor_shift
    if run.record is not None:
        run.record.take_over(certificate.nodes)
    if not check.open:
        return None
    roots = _roots(run, certificate)
    if [node.fixed for node in check.open] == [()] and certificate.factor is None:
        return _node(roots, check.open[0]).best
    tree = Tree(Node(roots), run.problem.idle, run.record)
    weight = 1 / len(check.open)
    tree.go_on(Open(node.bound, _node(roots, node), -1, -1, weight) for node in check.open)
    return tree


def _roots(run: "Run", certificate: Certificate) -> list[Duals]:
    """Duals of the whole problem, in all versions of its costs."""
    costs = integer_costs(run.fixed_point)
    items = np.arange(run.problem.size)
    kept = [step for step in certificate.nodes.get(frozenset(), ()) if len(step.P)]
    kept = [step for step in kept if not step.lowered]
    P, Q = (kept[-1].P.copy(), kept[-1].Q.copy()) if kept else first_duals(run.fixed_point, costs)
    versions = [Duals(costs, P, Q, rows=items, columns=items)]
    if certificate.factor is not None:
        constant, single, pairs = lowered(
            run.fixed_point, certificate.factor, certificate.factor_shift
        )
        costs = lowered_costs(single, pairs, costs.blocked)
        P, Q = first_duals(run.fixed_point, costs)
        versions.insert(0, Duals(costs, P, Q, rows=items, columns=items, constant=constant))
    return versions


def _node(roots: list[Duals], found: "OpenNode") -> Node:
    """An open node of a certificate; one sweep makes its duals feasible."""
    versions = []
    for duals in roots:
        duals = duals.copy()
        for row, column in found.fixed:
            i, j = np.flatnonzero(duals.rows == row), np.flatnonzero(duals.columns == column)
            duals = duals.child(int(i[0]), int(j[0]))
        duals.costs.blocked[:] = np.where(found.blocked, np.int32(BLOCKED), np.int32(0))
        duals.settle()
        if not duals.mend():
            raise BlindmatchError("warm_start: expected duals in the range of int32, found larger")
        versions.append(duals)
    return Node(versions)
