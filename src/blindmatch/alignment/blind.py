"""Alignment without any pair: what was matched blindly serves as pairs, and refines the clusters.

Clusters of images are matched to class names by structure alone (`blindmatch.classification`). The
mean image and the mean prompt of each name are a pseudo-pair; the pseudo-pairs fit a linear
teacher, from which a student learns on unpaired images and all prompts (`blindmatch.alignment.fit`;
SOTAlign). In the student's space each image gets a name. The images of a name are a cluster of the
next round, matched from scratch by distances in the vision encoder's own space. And so on.

Pseudo-pairs of one matching inherit its mistakes, and no later round mends them: the student
learns the names that it is told. So round 1 starts from a vote, of blind matchings of many
clusterings, each of a random part of the images, whose mistakes differ.

For the same reason the cost of a round's matching does not judge the round: a teacher pulls the
clusters towards the geometry of the names that they were given, right or wrong, and the cost falls.
The judges are witnesses that no training sees: blind matchings of yet other clusterings. The round
is kept whose names they agree with most.

Votes, transport plans and names of images all assume that classes are about equally frequent.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np

from blindmatch.alignment.methods import Method
from blindmatch.alignment.teachers import Teacher
from blindmatch.classification import confusion, name_by_labels
from blindmatch.clusterings import Clustering
from blindmatch.errors import BlindmatchError
from blindmatch.metrics import Metric
from blindmatch.progress import Report
from blindmatch.settings import TrainingSettings
from blindmatch.solvers import Solver


def align_blindly(
    embeddings: np.ndarray,
    prompts: np.ndarray,
    prompt_labels: np.ndarray,
    assignment: np.ndarray,
    labels: np.ndarray,
    *,
    metric: Metric,
    solver: Solver,
    method: Method,
    teacher: Teacher | None,
    settings: TrainingSettings,
    clustering: Clustering,
    seed: int,
    rounds: int = 2,
    pseudo_pairs: Literal["votes", "clusters"] = "votes",
    clusterings: int = 20,
    part: int = 1000,
    report: Report | None = None,
) -> Iterator[dict]:
    """Name the images of one draw without any pair, in rounds that refine each other.

    Rounds end early where no image gets another name, or a name has no image left.

    Parameters
    ----------
    embeddings : np.ndarray, shape (images, D)
        Of the draw's images, as the model gives them.
    prompts : np.ndarray, shape (prompts, E)
        Embeddings of all prompts.
    prompt_labels : np.ndarray, shape (prompts,)
        Class of each prompt: 0 ... C - 1, each at least once.
    assignment : np.ndarray, shape (images,)
        Clusters of round 0, as `blindmatch.classification.cluster_draws` finds them: 0 ... C - 1,
        each at least once.
    labels : np.ndarray, shape (images,)
        True classes. They judge and decide nothing.
    metric : Metric
        By which clusters are matched to names.
    solver : Solver
        Of these problems.
    method : Method
        Of alignment; `linear` is the teacher alone.
    teacher : Teacher or None
        Of methods that need one. The pseudo-pairs determine at most C - 1 dimensions.
    settings : TrainingSettings
        Of each round's student.
    clustering : Clustering
        Of voters and witnesses, from one start each, where it has several.
    seed : int
        Same input, seed and number of threads: same rows, save for `seconds`.
    rounds : int
        At most, after round 0.
    pseudo_pairs : {"votes", "clusters"}
        What round 1 starts from: the voters' names, or those of round 0.
    clusterings : int
        Number of voters, and of witnesses.
    part : int
        Images that a voter or witness clusters, and that a student is trained on; all of them,
        where there are fewer.
    report : callable, optional
        Told of progress.

    Yields
    ------
    dict
        One row for each `round`; 0 is the plain matching of `assignment`. `kept`: whether this
        round is the method's answer, which is one round; found without labels.
        `accuracy`: share of images whose cluster's name is their class, `names` being those of the
        clusters; `aligned_accuracy`, of images that the aligned spaces name rightly, before the
        clusters are matched again (NaN in round 0). `agreement`: share of equal names of an image
        here and by a witness; `cost` of the matching, in the metric's unit; `changed`, share of
        images named otherwise than in the row before; `smallest`, images in the smallest cluster,
        as a share of those in a mean one; `seconds` of the round.
        The same in each row: `voted_accuracy`, of the vote alone (NaN without); `oracle_accuracy`,
        of the clusters of round 0 if labels named them (the Hungarian method); `ceiling_accuracy`,
        after as many rounds that start from these names (an oracle, too); `chance`; `images`.

    Raises
    ------
    BlindmatchError
        If there is not one cluster and one label for each image, clusters and names are not equally
        many, or the solver cannot run; otherwise as `blindmatch.alignment.fit` and
        `blindmatch.clusterings.find_clusters`.
    """
    from blindmatch.alignment._rounds import Draw, assign

    for name, each in (("assignment", assignment), ("labels", labels)):
        if each.shape != embeddings.shape[:1]:
            raise BlindmatchError(
                f"{name}: expected one for each of {len(embeddings)} images, found {each.shape}"
            )
    draw = Draw(
        embeddings,
        prompts,
        prompt_labels,
        metric,
        solver,
        method,
        teacher,
        settings,
        part,
        seed,
        report,
    )
    voted = None
    if pseudo_pairs == "votes":
        votes = draw.blind_names(clustering, clusterings, "voters")
        voted = assign(np.mean(votes[:, :, None] == np.arange(draw.classes), axis=0))
    found = list(draw.rounds(assignment, voted, rounds))
    witnesses = draw.blind_names(clustering, clusterings, "witnesses")
    agreements = [float(np.mean(witnesses == each.named)) for each in found]

    # From here on, labels judge.
    oracle = name_by_labels(confusion(assignment, labels, draw.classes))[assignment]
    same = {
        "voted_accuracy": _share(voted, labels),
        "oracle_accuracy": _share(oracle, labels),
        "ceiling_accuracy": _share(draw.refined(oracle, len(found) - 1), labels),
        "chance": 1 / draw.classes,
        "images": len(labels),
    }
    for number, (each, before) in enumerate(zip(found, [found[0], *found], strict=False)):
        yield {
            "round": number,
            # The first of equals: where nothing is gained, the simpler answer.
            "kept": number == int(np.argmax(agreements)),
            "accuracy": _share(each.named, labels),
            "aligned_accuracy": _share(each.aligned, labels),
            "agreement": agreements[number],
            "cost": each.cost,
            "changed": float(np.mean(each.named != before.named)),
            "smallest": float(np.bincount(each.clusters).min() * draw.classes / len(labels)),
            "names": each.names.tolist(),
            "seconds": each.seconds,
            **same,
        }


def _share(named: np.ndarray | None, labels: np.ndarray) -> float:
    """Share of the images whose name is their class; NaN without names."""
    return float("nan") if named is None else float(np.mean(named == labels))
