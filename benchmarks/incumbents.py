"""Costs that searches reach, against MPOpt and FAQ at equal CPU time, in one run on one core.

The peers are MPOpt (fusion moves with greedy generations, `pylibmgm`) in three settings and
SciPy's FAQ from random starts. MPOpt runs until it stops by itself, and building its model is not
counted; then the others get the same CPU seconds. The instances are of two families: Gromov-
Wasserstein problems between kernels of Emoji-100 (or of a file), one drawing and one prompt of each
concept, subsets chosen by the true pairing (oracle); and symmetric matrices with entries drawn
uniformly from 0 to 1.

    pip install -e '.[embed,demo]' pylibmgm
    python benchmarks/incumbents.py | tee benchmarks/incumbents.md
"""

import argparse
import dataclasses
import importlib.metadata
import itertools
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before anything starts a pool of threads

import numpy as np
import pylibmgm
from scipy.optimize import quadratic_assignment

from blindmatch.config import DatasetSettings, ModelSettings, read_yaml
from blindmatch.datasets import open_dataset
from blindmatch.kernels import euclidean
from blindmatch.metrics import metrics
from blindmatch.models import families
from blindmatch.progress import say
from blindmatch.prototypes import normalise
from blindmatch.qap import QAP
from blindmatch.solvers._incumbent import Incumbent
from blindmatch.solvers._pair_costs import PairCosts
from blindmatch.subsets import select_subsets

ROOT = Path(__file__).parents[1]

#: Dual sweeps per batch, and batches in a row without progress after which MPOpt stops.
SETTINGS = {"1 sweep, k = 20": (1, 20), "1 sweep, k = 100": (1, 100), "100 sweeps, k = 5": (100, 5)}
#: Instances of each size and family, and the largest size that gets all three settings.
DEFAULT, QUICK, LARGE = "20x12 30x9 40x5 50x3 60x1", "20x3 30x2", "80x1 100x1"
ALL_SETTINGS = 30


@dataclasses.dataclass
class Outcome:
    """One instance under one setting of MPOpt: CPU seconds and costs."""

    family: str
    size: int
    setting: str
    seconds: float
    mpopt: float
    ours: float
    faq: float
    reached: float


def emoji_instances(counts):
    """Problems between kernels of Emoji-100: yields size, problem."""
    pairs = list(itertools.product(emoji_views(), emoji_prompts()))
    metric = metrics["gw"]()
    for size, count in counts:
        for number in range(count):
            # A step of 5 takes each of the 16 pairs once before it comes back to the first.
            vectors = pairs[5 * number % len(pairs)]
            kernels = [euclidean(normalise(each.astype(float))) for each in vectors]
            chosen = select_subsets(
                metric.distortion(*kernels), size, method="local-search", seed=number
            ).classes[0]
            yield size, QAP.from_metric(metric, *metric.pair(*kernels, chosen))


def emoji_views():
    """Embeddings of the 100 concepts in two views of either vendor's drawing."""
    import torch

    torch.set_num_threads(1)
    dataset, model = emoji_dataset(), model_settings("efficientnet-lite0")
    encoder = families[model.family].vision(model)
    labels = np.array(dataset.index().labels)
    per_class = len(labels) // (labels[-1] + 1)
    for view in (0, 1, per_class // 2, per_class // 2 + 1):
        say("embedding 100 drawings")
        images = [
            encoder.preprocess(dataset.image(row)) for row in range(view, len(labels), per_class)
        ]
        with torch.no_grad():
            yield np.concatenate(
                [encoder.read(encoder.model, image[None], None) for image in images]
            )


def emoji_prompts():
    """Embeddings of the 100 names in each of the prompts."""
    model = model_settings("all-minilm-l6-v2")
    encoder = families[model.family].language(model)
    for texts in zip(*emoji_dataset().prompts(), strict=True):
        yield encoder.encode(list(texts), "cpu")


def emoji_dataset():
    settings = read_yaml(ROOT / "config/datasets.yaml")["datasets"]["emoji-100"]
    return open_dataset("emoji-100", DatasetSettings(**settings), ".")


def model_settings(name):
    return ModelSettings(**read_yaml(ROOT / "config/models.yaml")["models"][name])


def file_instances(path, counts):
    """Problems of a file with arrays NAME-vision and NAME-language, as far as sizes are wanted."""
    wanted, arrays, metric = dict(counts), np.load(path), metrics["gw"]()
    for key in arrays.files:
        name, _, side = key.rpartition("-")
        size = len(arrays[key])
        if side == "vision" and wanted.get(size, 0):
            wanted[size] -= 1
            yield size, QAP.from_metric(metric, arrays[key], arrays[f"{name}-language"])


def random_instances(counts):
    """Problems without structure."""
    for size, count in counts:
        for number in range(count):
            entries = np.triu(np.random.default_rng([size, number]).random((2, size, size)), 1)
            yield size, QAP(*(entries + entries.transpose(0, 2, 1)))


def mpopt_model(problem):
    """MPOpt's form of a symmetric problem: every pair of assignments is an edge."""
    size = problem.size
    edges = (size * (size - 1)) ** 2 // 2
    model = pylibmgm.GmModel(pylibmgm.Graph(0, size), pylibmgm.Graph(1, size), size * size, edges)
    # MPOpt may leave rows unmatched; a gain for each match, larger than all costs, prevents it.
    gain = -2.0 * problem.magnitude / size
    for row, column in itertools.product(range(size), repeat=2):
        model.add_assignment(row, column, gain)
    j, l = np.nonzero(~np.eye(size, dtype=bool))  # noqa: E741
    for i, k in itertools.combinations(range(size), 2):
        costs = 2.0 * problem.A[i, k] * problem.B[j, l]
        first, second = (i * size + j).tolist(), (k * size + l).tolist()
        for edge in zip(first, second, costs.tolist(), strict=True):
            model.add_edge(*edge)
    return model


def run_mpopt(problem, model, batch, k):
    """CPU seconds and cost when it stops by itself."""
    pylibmgm.omp_set_num_threads(1)
    pylibmgm.QAPSolver.libmpopt_seed = 0
    solver = pylibmgm.QAPSolver(model)
    solver.run_settings.batch_size = batch
    solver.stopping_criteria.k = k
    solver.stopping_criteria.max_batches = 10**6
    start = time.process_time()
    solution = solver.run()
    seconds = time.process_time() - start
    return seconds, problem.cost(np.array(solution.labeling()))


def run_ours(problem, limit):
    """CPU seconds and costs of all improvements."""
    start = time.process_time()

    def seconds():
        return time.process_time() - start

    incumbent = Incumbent(problem, PairCosts.of(problem), 0, stop=lambda: seconds() >= limit)
    history = []
    while not incumbent.stopped():
        incumbent.perturb()
        history.append((seconds(), incumbent.cost))
    return history


def run_faq(problem, limit):
    """CPU seconds and costs of SciPy's FAQ from random starts."""
    rng, history, best = np.random.default_rng(0), [], np.inf
    start = time.process_time()
    while time.process_time() - start < limit:
        found = quadratic_assignment(problem.A, problem.B, options={"P0": "randomized", "rng": rng})
        best = min(best, problem.cost(found.col_ind))
        history.append((time.process_time() - start, best))
    return history


def cost_at(history, seconds):
    """The cost reached by then; that of the first search where even that took longer."""
    return min([cost for at, cost in history if at <= seconds], default=history[0][1])


def compare(family, size, problem):
    """Outcomes of an instance, one per setting."""
    model = mpopt_model(problem)
    settings = list(SETTINGS.items())[: None if size <= ALL_SETTINGS else 1]
    peers = {name: run_mpopt(problem, model, *setting) for name, setting in settings}
    del model
    limit = max(seconds for seconds, _ in peers.values())
    ours, faq = run_ours(problem, limit), run_faq(problem, limit)
    for name, (seconds, cost) in peers.items():
        close = cost + 1e-9 * abs(cost)
        reached = min((at for at, found in ours if found <= close), default=np.inf)
        yield Outcome(
            family, size, name, seconds, cost,
            cost_at(ours, seconds), cost_at(faq, seconds), reached,
        )  # fmt: skip


def row(*cells):
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def table(outcomes):
    """Medians and counts of one group of outcomes per row."""
    row("family", "N", "MPOpt", "instances", "worse / equal / better", "MPOpt's cost above ours",
        "FAQ's", "MPOpt's CPU s", "our share of it")  # fmt: skip
    row(*["---"] * 9)

    def group(outcome):
        return outcome.family, outcome.size, list(SETTINGS).index(outcome.setting)

    for _, found in itertools.groupby(sorted(outcomes, key=group), key=group):
        found = list(found)
        first = found[0]
        row(first.family, first.size, first.setting, len(found), counts_of(found),
            f"{mean_excess(found, 'mpopt'):.2%}", f"{mean_excess(found, 'faq'):.2%}",
            f"{np.median([each.seconds for each in found]):.2f}",
            f"{np.median([each.reached / each.seconds for each in found]):.4f}")  # fmt: skip


def verdict(outcome):
    """-1, 0 or 1 where our cost is lower, equal (up to 1e-9 of it) or higher."""
    difference = outcome.ours - outcome.mpopt
    return 0 if abs(difference) <= 1e-9 * abs(outcome.ours) else int(np.sign(difference))


def counts_of(outcomes):
    verdicts = [verdict(each) for each in outcomes]
    return " / ".join(str(verdicts.count(sign)) for sign in (1, 0, -1))


def mean_excess(outcomes, peer):
    return np.mean([getattr(each, peer) / each.ours - 1.0 for each in outcomes])


def main():
    """Measure and print tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=DEFAULT, help="instances per family: 20x10 30x9 ...")
    parser.add_argument("--quick", action="store_true", help=f"the same as --sizes '{QUICK}'")
    parser.add_argument("--large", action="store_true", help=f"add '{LARGE}': an hour, 3 GB")
    parser.add_argument("--kernels", help="kernels from this .npz instead of Emoji-100")
    arguments = parser.parse_args()
    sizes = QUICK if arguments.quick else arguments.sizes
    sizes += f" {LARGE}" if arguments.large else ""
    counts = [tuple(int(part) for part in each.split("x")) for each in sizes.split()]
    given = arguments.kernels
    sources = {
        "kernels": file_instances(given, counts) if given else emoji_instances(counts),
        "random": random_instances(counts),
    }
    # Compile, or load what was compiled, before it counts: one search is enough.
    run_ours(QAP(np.eye(3), np.eye(3)), 1e-3)
    outcomes, began = [], time.monotonic()
    for family, instances in sources.items():
        for size, problem in instances:
            outcomes += compare(family, size, problem)
            say(f"{family}, N = {size}: {outcomes[-1]} ({time.monotonic() - began:.0f} s)")
    report(outcomes, "a file" if given else "Emoji-100")


def report(outcomes, source):
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("pylibmgm", "scipy", "numba")
    )
    instances = sum(each.setting == next(iter(SETTINGS)) for each in outcomes)
    print(f"{instances} instances, kernels of {source}; one core, CPU seconds; {versions}.\n")
    print(
        "At the CPU time that MPOpt takes until it stops: on how many instances our cost is worse, "
        "equal, better; by how much the costs of MPOpt and of FAQ exceed ours (mean); median CPU "
        "time of MPOpt; and the share of it in which we reach its cost (median).\n"
    )
    table(outcomes)
    for name in SETTINGS:
        found = [each for each in outcomes if each.setting == name]
        worse = np.mean([verdict(each) > 0 for each in found])
        share = np.median([each.reached / each.seconds for each in found])
        print(
            f"\nMPOpt with {name}, {len(found)} instances: our cost is worse on {worse:.1%}, and "
            f"MPOpt's is reached in {share:.4f} of its time in the median."
        )


if __name__ == "__main__":
    main()
