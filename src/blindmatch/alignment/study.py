"""The study of alignment: options chosen on validation pairs, trainings on draws, evaluation."""

import dataclasses
import functools
import json
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from blindmatch.alignment.corpora import Corpus
from blindmatch.alignment.methods import Method
from blindmatch.alignment.retrieval import recall, zero_shot
from blindmatch.alignment.splits import Split, Taken, random_rows, split_rows, take
from blindmatch.alignment.teachers import LinearTeacher, Teacher, fit_teacher
from blindmatch.alignment.training import Aligned, fit
from blindmatch.errors import BlindmatchError
from blindmatch.progress import Progress, Report
from blindmatch.prototypes import draw_seeds
from blindmatch.reading import reading
from blindmatch.script import canonical
from blindmatch.settings import SplitSettings, TrainingSettings
from blindmatch.storage import publish

#: How rows of held-out classes are called beside those of other datasets.
HELD_OUT = "test"
#: What retrieval and zero-shot classification tell; a row has NaN for what the other task tells.
RETRIEVAL = (
    *("i2t_r1", "i2t_r5", "t2i_r1", "t2i_r5", "mean_r1", "mean_r5", "median_rank"),
    *("chance_r1", "chance_r5"),
)
ZERO_SHOT = ("top1", "top5", "chance")
#: What a method tells about its training; NaN where it does not.
DIAGNOSTICS = ("perplexity", "marginal_error", "divergence_start", "divergence_end")


@dataclasses.dataclass(frozen=True, eq=False)
class Draw:
    """One random split of the corpora, ready for training.

    Attributes
    ----------
    split : Split
        Of the dataset that holds the pairs.
    taken : Taken
        Rows of the training pairs and of the unpaired pools.
    pairs : (np.ndarray, np.ndarray)
        Images and texts of the pairs, raw embeddings, shapes (pairs, Dx), (pairs, Dy).
    pools : (np.ndarray, np.ndarray)
        The unpaired images and texts, raw embeddings, shapes (unpaired, Dx), (unpaired, Dy).
    """

    split: Split
    taken: Taken
    pairs: tuple[np.ndarray, np.ndarray]
    pools: tuple[np.ndarray, np.ndarray]


def draw_rows(
    corpora: Mapping[str, Corpus],
    split: SplitSettings,
    *,
    pair_count: int,
    unpaired_count: int,
    seed: int,
    draw: int,
) -> Draw:
    """The rows of one draw.

    Parameters
    ----------
    corpora : mapping
        Dataset -> its embeddings.
    split : SplitSettings
    pair_count, unpaired_count : int
        Numbers of pairs, and of unpaired rows of each modality.
    seed, draw : int

    Raises
    ------
    BlindmatchError
        If there are too few classes or rows.
    """
    home = corpora[split.dataset]
    labels = home.image_labels, home.text_labels
    parts = split_rows(
        *labels,
        seed=seed,
        draw=draw,
        validation=split.validation,
        test=split.test,
        mode=split.mode,
    )
    foreign = split.unpaired_images, split.unpaired_texts
    taken = take(parts, *labels, pair_count, 0 if all(foreign) else unpaired_count)
    own = home.images[taken.unpaired_images], home.texts[taken.unpaired_texts]
    pools = []
    for side, (name, rows) in enumerate(zip(foreign, own, strict=True)):
        if name is not None:
            others = corpora[name].texts if side else corpora[name].images
            if len(others) < unpaired_count:
                raise BlindmatchError(
                    f"unpaired_counts: expected at most {len(others)} for dataset {name!r}, "
                    f"found {unpaired_count}"
                )
            order = random_rows(len(others), seed=seed, draw=draw, side=side)
            rows = others[order[:unpaired_count]]
        pools.append(rows)
    pairs = home.images[taken.pairs[:, 0]], home.texts[taken.pairs[:, 1]]
    return Draw(parts, taken, pairs, tuple(pools))


def align_draws(
    corpora: Mapping[str, Corpus],
    split: SplitSettings,
    candidates: Sequence[Mapping[str, object]],
    build: Callable[[Mapping[str, object]], Method],
    *,
    teacher: Teacher | None,
    pair_count: int,
    unpaired_count: int,
    draws: int,
    tuning_draws: int,
    training: TrainingSettings,
    seed: int,
    device: str,
    folder: Path | None = None,
    settings_digest: str = "",
    report: Report | None = None,
) -> Iterator[dict]:
    """Train a method on each draw, with the options that are best on validation pairs.

    Every candidate is trained on the first draws and judged by their validation pairs alone; the
    best one is then trained on the other draws, too.

    Parameters
    ----------
    corpora : mapping
        Dataset -> its embeddings.
    split : SplitSettings
    candidates : sequence of mapping
        Options, one of which is chosen.
    build : callable
        Options -> method.
    teacher : Teacher or None
        For methods that learn from one.
    pair_count, unpaired_count : int
        Numbers of pairs, and of unpaired rows of each modality.
    draws, tuning_draws : int
        How many splits; on how many of them options are chosen.
    training : TrainingSettings
    seed : int
        All splits and trainings derive from it.
    device : str
        "cpu" or "cuda".
    folder : Path, optional
        Where finished trainings and checkpoints are kept until all are done: a killed job goes on.
    settings_digest : str
        Of all that the results depend on: what lies in `folder` is of no use to others.
    report : callable, optional

    Yields
    ------
    dict
        For each draw and each evaluation: `draw`; `evaluation`, the held-out rows ("test") or a
        dataset; `task`; what `recall` or `zero_shot` tell; `chosen`, the options that were tuned,
        as JSON; `validation_score`; diagnostics of the training; `seconds` of it, the teacher's
        fit left out.

    Raises
    ------
    BlindmatchError
        If there are too few rows.
    """
    runs = _Runs(folder, settings_digest, report)
    seeds = [int(each) for each in draw_seeds(seed, draws)]
    tuning_draws = min(draws, tuning_draws)
    trained = tuning_draws * len(candidates) + draws - tuning_draws
    progress = Progress("trained", "students", trained, report=report)

    @functools.lru_cache(maxsize=1)
    def prepared(draw: int) -> tuple[Draw, LinearTeacher | None]:
        """What all candidates of a draw share: its rows and its teacher."""
        rows = draw_rows(
            corpora,
            split,
            pair_count=pair_count,
            unpaired_count=unpaired_count,
            seed=seed,
            draw=draw,
        )
        if teacher is None:
            return rows, None
        return rows, fit_teacher(teacher, *rows.pairs, seed=seeds[draw], device=device)

    def run(draw: int, number: int) -> list[dict]:
        def train(checkpoint: Path | None) -> list[dict]:
            rows, fitted = prepared(draw)
            aligned = fit(
                build(candidates[number]),
                *rows.pairs,
                *rows.pools,
                settings=training,
                teacher=fitted,
                seed=seeds[draw],
                device=device,
                checkpoint=checkpoint,
                report=report,
            )
            return _evaluated(aligned, corpora, split, rows.split)

        found = runs.once(f"draw{draw}-candidate{number}", train)
        progress.advance()
        return [{"draw": draw, **row} for row in found]

    tuned = [
        [run(draw, number) for number in range(len(candidates))] for draw in range(tuning_draws)
    ]
    scores = np.mean([[rows[0]["validation_score"] for rows in each] for each in tuned], axis=0)
    best = int(np.argmax(scores))
    varied = [name for name in candidates[best] if len({str(c[name]) for c in candidates}) > 1]
    chosen = canonical({name: candidates[best][name] for name in varied})
    for draw in range(draws):
        for row in tuned[draw][best] if draw < tuning_draws else run(draw, best):
            yield row | {"chosen": chosen}
    runs.forget()


class _Runs:
    """Finished trainings of an unfinished job, as files, so that none is made twice."""

    def __init__(self, folder: Path | None, settings_digest: str, report: Report | None) -> None:
        self._folder = folder
        if folder is None:
            return
        note = folder / "settings"
        if folder.exists() and (not note.exists() or note.read_text() != settings_digest):
            if report is not None:
                report(f"{folder}: made with other settings or data, starting afresh")
            shutil.rmtree(folder)
        publish(note, settings_digest.encode())

    def once(self, name: str, train: Callable[[Path | None], list[dict]]) -> list[dict]:
        """What `train` returns for a checkpoint's path, or returned before the job was killed."""
        if self._folder is None:
            return train(None)
        finished = self._folder / f"{name}.json"
        if not finished.exists():
            publish(finished, canonical(train(self._folder / f"{name}.pt")).encode())
        with reading(finished, "finished training"):
            return json.loads(finished.read_bytes())

    def forget(self) -> None:
        """Remove the files: their rows are safe elsewhere."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _evaluated(
    aligned: Aligned, corpora: Mapping[str, Corpus], split: SplitSettings, rows: Split
) -> list[dict]:
    """One row for each evaluation of one training."""
    home = corpora[split.dataset]
    validation = _recall(aligned, home, rows.validation_images, rows.validation_texts)
    told = {name: aligned.diagnostics.get(name, math.nan) for name in DIAGNOSTICS}
    same = {"validation_score": validation[split.criterion], **told, "seconds": aligned.seconds}
    results = []
    if split.test:
        found = _recall(aligned, home, rows.test_images, rows.test_texts)
        results.append((HELD_OUT, "retrieval", found))
    for name in split.retrieval:
        results.append((name, "retrieval", _recall(aligned, corpora[name])))
    for name in split.zero_shot:
        of = corpora[name]
        found = zero_shot(
            aligned.images(of.images), of.image_labels, aligned.texts(of.texts), of.text_labels
        )
        results.append((name, "zero-shot", found))
    return [
        {"evaluation": name, "task": task, **_complete(found), **same}
        for name, task, found in results
    ]


def _recall(
    aligned: Aligned,
    corpus: Corpus,
    images: np.ndarray | slice = slice(None),
    texts: np.ndarray | slice = slice(None),
) -> dict:
    return recall(
        aligned.images(corpus.images[images]),
        aligned.texts(corpus.texts[texts]),
        corpus.image_labels[images],
        corpus.text_labels[texts],
    )


def _complete(found: Mapping[str, object]) -> dict:
    """The columns of both tasks."""
    shares = {name: float(found.get(name, math.nan)) for name in (*RETRIEVAL, *ZERO_SHOT)}
    counts = {name: found.get(name) for name in ("images", "texts", "classes")}
    return shares | counts
