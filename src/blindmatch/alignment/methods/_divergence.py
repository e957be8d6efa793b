"""The term of SOTAlign on unpaired rows, with what can be kept from step to step."""

from functools import partial

import numpy as np
import torch

from blindmatch.alignment._divergences import cka, info_nce
from blindmatch.alignment._klot import Target, klot_to_plan, target
from blindmatch.alignment._sinkhorn import perplexity
from blindmatch.alignment.methods import Batch, TrainingData
from blindmatch.alignment.teachers import LinearTeacher

#: Sinkhorn iterations for the plan of a whole run, and the marginal error at which they end.
_TEACHER_ITERATIONS = 2000
_TEACHER_TOLERANCE = 1e-6
#: Marginal error at which the student's iterations end: its gradient is off by about as much.
_STUDENT_TOLERANCE = 1e-4


class Divergence:
    """Between affinities of the teacher and of the student, for the unpaired rows of each step.

    Parameters
    ----------
    options : Sotalign
    data : TrainingData
    teacher : LinearTeacher
    seed : int
        Of the shuffled control.

    Attributes
    ----------
    empty : bool
        Whether a side has no unpaired rows, so that there is no divergence.
    state : dict
        `v`: the student's potentials, with which the next step starts.
    """

    def __init__(self, options, data: TrainingData, teacher: LinearTeacher, seed: int) -> None:
        self._options = options
        self.empty = not all(len(rows) for rows in data.unpaired)
        self.state: dict[str, torch.Tensor] = {}
        self._affinity: torch.Tensor | None = None
        self._target: Target | None = None
        if not self.empty:
            self._rows = [
                torch.from_numpy(apply(rows.cpu().numpy())).to(rows.device)
                for apply, rows in zip((teacher.images, teacher.texts), data.unpaired, strict=True)
            ]
            if options.shuffled:
                order = np.random.default_rng(seed).permutation(len(self._rows[0]))
                self._rows[0] = self._rows[0][torch.as_tensor(order)]

    def __call__(self, images: torch.Tensor, texts: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The divergence, a scalar.

        Parameters
        ----------
        images, texts : torch.Tensor, shapes (n, dimension), (m, dimension)
            The student's unit rows.
        batch : Batch
        """
        options, whole = self._options, all(batch.unpaired_whole)
        if options.streaming:
            return self._streamed(images, texts, batch)
        if options.divergence == "klot":
            return self._klot(images @ texts.T, batch, whole)
        compare = cka
        if options.divergence == "info-nce":
            compare = partial(
                info_nce,
                epsilon_student=options.epsilon_student,
                epsilon_teacher=options.epsilon_teacher,
            )
        if self._affinity is None or not whole:
            self._affinity = self._teacher_affinity(batch)
        return compare(images @ texts.T, self._affinity)

    def _klot(self, affinity: torch.Tensor, batch: Batch, whole: bool) -> torch.Tensor:
        options = self._options
        if self._target is None or not whole:
            teacher = self._teacher_affinity(batch)
            iterations, tolerance = (
                (_TEACHER_ITERATIONS, _TEACHER_TOLERANCE) if whole else (options.iterations, 0.0)
            )
            self._target = None  # before the next one is made, for the sake of memory
            self._target = target(
                teacher, options.epsilon_teacher, iterations=iterations, tolerance=tolerance
            )
        value, v = klot_to_plan(
            affinity,
            self._target,
            epsilon=options.epsilon_student,
            iterations=options.iterations,
            tolerance=_STUDENT_TOLERANCE,
            start=self.state.get("v") if whole else None,
        )
        self.state["v"] = v
        return value

    def _streamed(self, images: torch.Tensor, texts: torch.Tensor, batch: Batch) -> torch.Tensor:
        from blindmatch.alignment._streaming import streaming_klot

        teacher_images, teacher_texts = (
            rows[drawn] for rows, drawn in zip(self._rows, batch.unpaired, strict=True)
        )
        return streaming_klot(
            images,
            texts,
            teacher_images,
            teacher_texts,
            epsilon_student=self._options.epsilon_student,
            epsilon_teacher=self._options.epsilon_teacher,
            iterations=self._options.iterations,
        )

    def _teacher_affinity(self, batch: Batch) -> torch.Tensor:
        images, texts = (
            rows[drawn] for rows, drawn in zip(self._rows, batch.unpaired, strict=True)
        )
        return images @ texts.T

    def diagnostics(self) -> dict[str, float]:
        """Perplexity and marginal error of the last teacher plan, where there is one."""
        if self._target is None:
            return {}
        return {
            "perplexity": perplexity(self._target.plan),
            "marginal_error": self._target.marginal_error,
        }
