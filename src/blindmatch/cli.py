"""The command `blindmatch`: solve a problem, match two sets of embeddings, check a proof.

It also tells the state of a study from Snakemake's summary.
"""

import argparse
import json
import sys
from collections.abc import Sequence

import numpy as np

from blindmatch.array_files import read_npy
from blindmatch.cli_files import (
    read_anchors,
    read_names,
    read_problem,
    write_matching,
)
from blindmatch.cli_status import describe
from blindmatch.errors import BlindmatchError
from blindmatch.matching import compared_kernels
from blindmatch.metrics import metrics
from blindmatch.progress import say
from blindmatch.qap import QAP, Matching
from blindmatch.script import one_sentence
from blindmatch.solvers import prepare, solve, solvers
from blindmatch.status import judge_files, read_begun, read_summary, read_tries

#: Gigabytes that a proof may take in memory where it is asked for.
_CERTIFICATE_LIMIT = 4.0
#: Exit code after Ctrl-C, as shells have it.
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    with one_sentence():
        options = _parser().parse_args(arguments)
        try:
            return options.run(options)
        except KeyboardInterrupt:
            say("interrupted; nothing more was written")
            return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise BlindmatchError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="blindmatch", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(required=True, metavar="solve | match | verify | status")

    command = commands.add_parser("solve", help="solve a quadratic assignment problem")
    command.set_defaults(run=_solve)
    command.add_argument(
        "problem", nargs="+", help="A.npy B.npy, or one .npz, or one .dat of QAPLIB"
    )
    command.add_argument("--linear", metavar="FILE", help=".npy, rows x columns")
    command.add_argument("--forbidden", metavar="FILE", help=".npy of booleans, rows x columns")
    _add_common(command)

    command = commands.add_parser("match", help="match two sets of embeddings without any pair")
    command.set_defaults(run=_match)
    command.add_argument("vision", help=".npy, one row per item")
    command.add_argument("language", help=".npy, one row per item, at least as many")
    command.add_argument("--metric", default="gw", help=", ".join(metrics))
    command.add_argument("--metric-option", **_NAMED, help="option of the metric, such as k=5")
    command.add_argument("--vision-names", metavar="FILE", help="one name a line")
    command.add_argument("--language-names", metavar="FILE", help="one name a line")
    _add_common(command)

    command = commands.add_parser("verify", help="check a certificate without the solver")
    command.set_defaults(run=_verify)
    command.add_argument("certificate")
    command.add_argument(
        "--problem", nargs="+", required=True, help="PREFIX.problem.npz, or .dat, or A.npy B.npy"
    )

    command = commands.add_parser(
        "status",
        help="what of a study exists, is missing, failed",
        description="snakemake ... --summary | blindmatch status",
    )
    command.set_defaults(run=_status)
    command.add_argument("--directory", default=".", help="where Snakemake runs; default: here")
    command.add_argument("--lines", type=int, default=5, help="of the log of each failed job")
    command.add_argument("--jobs", type=int, default=20, help="told one by one, of each kind")
    return parser


def _named(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected name=value, found {text!r}")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


_NAMED = {"type": _named, "action": "append", "default": [], "metavar": "NAME=VALUE"}


def _add_common(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--anchors", metavar="FILE", help="known pairs: .csv with columns row, column (from 0)")
    add("--unmatched", type=float, metavar="PRICE", help="rows may stay unmatched at this cost")
    add("--solver", default="auto", help=", ".join(solvers))
    add("--option", **_NAMED, help="option of the solver, such as starts=100")
    add("--time-limit", type=float, metavar="SECONDS")
    add("--seed", type=int, default=0)
    add("--threads", type=int, help="option of the solver")
    add("--device", help="option of the solver: cpu or cuda")
    add("--certificate", metavar="FILE", help="write the proof of the bound")
    add("--output", default="matching", metavar="PREFIX", help="default: matching")


def _solve(options: argparse.Namespace) -> int:
    problem = read_problem(options.problem, linear=options.linear, forbidden=options.forbidden)
    found = _answer(options, problem)
    terms = len(problem.A_terms)
    note = f" (term 1 of {terms})" if terms > 1 else ""
    kernels = problem.A_terms[0], problem.B_terms[0]
    _draw(options, found, kernels, labels=(f"A{note}", f"B{note}"), product=True)
    return _finish(options, found)


def _match(options: argparse.Namespace) -> int:
    metric = metrics.build(options.metric, dict(options.metric_option))
    kernels = compared_kernels(read_npy(options.vision), read_npy(options.language), metric)
    names = (
        read_names(options.vision_names, len(kernels[0])),
        read_names(options.language_names, len(kernels[1])),
    )
    problem = QAP.from_metric(metric, *kernels, partial=options.unmatched is not None)
    found = _answer(options, problem, names)
    if (found.permutation >= 0).all():
        _print({options.metric: f"{metric.reported(found.cost, problem.size):.6g}, as in tables"})
    _draw(options, found, kernels, names=names)
    return _finish(options, found)


def _verify(options: argparse.Namespace) -> int:
    from blindmatch.certificate import verify

    verdict = verify(options.certificate, read_problem(options.problem), progress=say)
    lines = {
        "valid": f"yes (steps checked: {verdict.steps})",
        "bound": f"{verdict.bound!r}, no matching costs less",
        "cost": f"{verdict.cost!r} of the matching in the certificate",
        "gap": f"{verdict.gap:.4%}" if np.isfinite(verdict.gap) else "unknown",
    }
    _print(lines)
    return 0


def _status(options: argparse.Namespace) -> int:
    if sys.stdin.isatty():
        raise BlindmatchError(
            "standard input: expected the output of snakemake --summary, found a terminal"
        )
    rows = read_summary(sys.stdin.buffer.read().decode("utf-8", "replace"))
    folder = options.directory
    files = judge_files(rows, read_tries(folder), read_begun(folder))
    print(describe(files, folder, lines=options.lines, jobs=options.jobs), end="")
    return 0


def _print(lines: dict[str, str]) -> None:
    for name, value in lines.items():
        print(f"{name:<11} {value}")


def _answer(options: argparse.Namespace, problem: QAP, names=(None, None)) -> Matching:
    """Solve; write problem, matching and proof, print the summary."""
    given = {name: getattr(options, name) for name in ("threads", "device")}
    given = {name: value for name, value in given.items() if value is not None}
    chosen = given | dict(options.option)
    solver = solvers.build(options.solver, chosen)
    if options.certificate and hasattr(solver, "certificate_limit"):
        chosen.setdefault("certificate_limit", _CERTIFICATE_LIMIT)
    partial = {"anchors": read_anchors(options.anchors), "unmatched": options.unmatched}
    # Before the search: a folder that cannot be written to must not cost an hour.
    prepare(problem, **partial).save(f"{options.output}.problem.npz")
    say(
        f"{problem.size} rows, {problem.columns} columns, solver {options.solver}; "
        "Ctrl-C ends the search and keeps the best matching"
    )
    found = solve(
        problem,
        options.solver,
        **partial,
        seed=options.seed,
        time_limit=options.time_limit,
        progress=say,
        **chosen,
    )
    write_matching(f"{options.output}.csv", found.permutation, names)
    if options.certificate and found.certificate is not None:
        found.certificate.save(options.certificate)
    matched = int(np.sum(found.permutation >= 0))
    lines = {
        "matched": f"{matched} of {problem.size} rows",
        "cost": f"{found.cost:.12g}",
        "bound": f"{found.bound:.12g}",
        "gap": f"{found.gap:.4%}" if np.isfinite(found.gap) else "unknown",
        "proof": _proof(found),
        "ended by": found.status,
        "seconds": f"{found.seconds:.2f}",
        "device": found.device,
    }
    _print(lines)
    return found


def _proof(found: Matching) -> str:
    if found.optimal:
        return f"yes, no matching costs less (to within {found.tolerance:.2g})"
    if np.isfinite(found.bound):
        return "no, a matching between bound and cost is not ruled out"
    return "no, this solver gave no bound"


def _draw(options: argparse.Namespace, found: Matching, kernels, **looks) -> None:
    """The picture of both kernels; aloud where it must be left out."""
    try:
        from blindmatch.plotting.alignment import draw_alignment
    except ImportError as error:
        say(f"picture left out: {error.name} is missing; pip install 'blindmatch[plot]'")
        return
    if (found.permutation < 0).all():
        say("picture left out: no row is matched")
        return
    title = f"cost {found.cost:.6g}, {'proved optimal' if found.optimal else 'not proved optimal'}"
    draw_alignment(*kernels, found.permutation, [f"{options.output}.png"], title=title, **looks)


def _finish(options: argparse.Namespace, found: Matching) -> int:
    """The exit code."""
    if options.certificate and found.certificate is None:
        raise BlindmatchError(
            f"--certificate: expected a solver that proves its bound, found {options.solver}, "
            f"which gave nothing to write; all but {options.certificate} is written"
        )
    return INTERRUPTED if found.status == "interrupted" else 0


if __name__ == "__main__":
    sys.exit(main())
