"""How sharp a teacher's transport plan is: the diagnostic by which its epsilon is chosen."""

from collections.abc import Iterator, Mapping, Sequence

from blindmatch.alignment.corpora import Corpus
from blindmatch.alignment.study import draw_rows
from blindmatch.alignment.teachers import Teacher, fit_teacher
from blindmatch.progress import Progress, Report
from blindmatch.prototypes import draw_seeds
from blindmatch.settings import SplitSettings

#: Of Sinkhorn's algorithm; sharp plans need thousands.
_ITERATIONS = 5000
_TOLERANCE = 1e-4


def plan_sharpness(
    corpora: Mapping[str, Corpus],
    split: SplitSettings,
    teacher: Teacher,
    *,
    pair_count: int,
    unpaired_count: int,
    epsilons: Sequence[float],
    draws: int,
    seed: int,
    device: str,
    report: Report | None = None,
) -> Iterator[dict]:
    """Perplexity of the plans that a teacher's affinities of the unpaired rows induce.

    Parameters
    ----------
    corpora, split, pair_count, unpaired_count, seed
        As for `blindmatch.alignment.study.draw_rows`.
    teacher : Teacher
        Fitted on the pairs of each draw.
    epsilons : sequence of float
        Entropic regularisations.
    draws : int
    device : str
    report : callable, optional

    Yields
    ------
    dict
        For each draw and epsilon: `perplexity`, exp of the mean entropy of a row: about how many
        texts an image is spread over; `marginal_error` after `iterations` of Sinkhorn's algorithm;
        `spread`, the standard deviation of the affinities, against which epsilon is to be seen;
        `rows` and `columns` of the plan.

    Raises
    ------
    BlindmatchError
        If there are too few rows.
    """
    import torch

    from blindmatch.alignment import _sinkhorn

    progress = Progress("solved", "plans", draws * len(epsilons), report=report)
    for draw, training_seed in enumerate(draw_seeds(seed, draws)):
        rows = draw_rows(
            corpora,
            split,
            pair_count=pair_count,
            unpaired_count=unpaired_count,
            seed=seed,
            draw=draw,
        )
        fitted = fit_teacher(teacher, *rows.pairs, seed=int(training_seed), device=device)
        images, texts = fitted.images(rows.pools[0]), fitted.texts(rows.pools[1])
        affinity = torch.from_numpy(images).to(device) @ torch.from_numpy(texts).to(device).T
        for epsilon in epsilons:
            solved = _sinkhorn.potentials(
                affinity, epsilon, iterations=_ITERATIONS, tolerance=_TOLERANCE
            )
            yield {
                "draw": draw,
                "epsilon": epsilon,
                "perplexity": _sinkhorn.perplexity(
                    _sinkhorn.log_plan(affinity, slice(None), solved, epsilon).exp_()
                ),
                "marginal_error": solved.marginal_error,
                "iterations": solved.iterations,
                "rows": affinity.shape[0],
                "columns": affinity.shape[1],
                "spread": float(affinity.std()),
            }
            progress.advance()
