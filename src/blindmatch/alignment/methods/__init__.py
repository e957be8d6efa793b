"""Alignment methods, one file each: what is minimised on pairs and unpaired rows."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from blindmatch.progress import Report
from blindmatch.registry import Registry

if TYPE_CHECKING:
    import torch

    from blindmatch.alignment._student import Student
    from blindmatch.alignment.teachers import LinearTeacher


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingData:
    """Embeddings as the encoders give them, float32, on the device of the training.

    Attributes
    ----------
    pairs : (torch.Tensor, torch.Tensor), shapes (pairs, Dx), (pairs, Dy)
        Images and texts; row i of both belongs together.
    unpaired : (torch.Tensor, torch.Tensor), shapes (images, Dx), (texts, Dy)
        Images and texts; either may have no rows.
    """

    pairs: "tuple[torch.Tensor, torch.Tensor]"
    unpaired: "tuple[torch.Tensor, torch.Tensor]"


@dataclasses.dataclass(frozen=True, eq=False)
class Batch:
    """What one step is made of.

    Attributes
    ----------
    step : int
        Counted from 0.
    pairs : torch.Tensor
        Row numbers of the pairs, int64.
    unpaired : (torch.Tensor, torch.Tensor)
        Row numbers of the unpaired images and of the unpaired texts.
    pairs_whole : bool
    unpaired_whole : (bool, bool)
        Whether these are all rows, in order, so that what depends on them alone stays the same;
        either so in all steps of a training or in none.
    random : np.random.Generator
        For what a method draws; it depends on seed and step alone.
    """

    step: int
    pairs: "torch.Tensor"
    unpaired: "tuple[torch.Tensor, torch.Tensor]"
    pairs_whole: bool
    unpaired_whole: tuple[bool, bool]
    random: np.random.Generator


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """What a method minimises on given data.

    Attributes
    ----------
    loss : callable
        ``loss(student, outputs, batch)`` -> (scalar tensor, its terms by name: tensors without
        gradient). `outputs.pairs` and `outputs.unpaired` are the student's unit rows of the
        step's images and texts, shapes (rows, dimension), computed when they are first read.
    diagnostics : callable
        What to tell of the training at its end: name -> number.
    state : dict
        Tensors that a step leaves to the next; checkpoints keep them.
    """

    loss: Callable[..., "tuple[torch.Tensor, Mapping[str, torch.Tensor]]"]
    diagnostics: Callable[[], dict[str, float]] = dict
    state: "dict[str, torch.Tensor]" = dataclasses.field(default_factory=dict)


class Method:
    """What every method is: a frozen dataclass of options, derived from this class.

    Attributes
    ----------
    needs_teacher : bool
        Whether it learns from a linear teacher.
    uses_unpaired : bool
        Whether unpaired rows can change its result.
    trains : bool
        Whether there is a student at all.
    """

    needs_teacher: ClassVar[bool] = False
    uses_unpaired: ClassVar[bool] = False
    trains: ClassVar[bool] = True

    def prepare(
        self,
        data: TrainingData,
        teacher: "LinearTeacher | None",
        *,
        seed: int,
        report: Report | None,
    ) -> Objective:
        """What is minimised on these data; all that does not depend on the student is done here.

        Parameters
        ----------
        data : TrainingData
            Without unpaired rows that it could use, a method learns from the pairs alone; `fit`
            says so.
        teacher : LinearTeacher or None
            Fitted; given to methods that need one.
        seed : int
        report : callable or None
        """
        raise NotImplementedError

    def start(self, student: "Student", data: TrainingData, teacher: "LinearTeacher | None"):
        """Change the freshly initialised student before the first step; by default, leave it."""


methods = Registry("alignment method", __name__)
