"""SOTAlign: unpaired rows follow the transport plan of a linear teacher."""

import dataclasses
from typing import Literal

from blindmatch.alignment.methods import Method, Objective, methods
from blindmatch.errors import BlindmatchError


@methods.register("sotalign")
@dataclasses.dataclass(frozen=True)
class Sotalign(Method):
    """SigLIP on the pairs, and a divergence from the teacher on unpaired rows (SOTAlign, eq. 4-5).

        L = S_row + beta * D(teacher affinity, student affinity)

    S_row is the sum of SigLIP over all entries, divided by the number of pairs. D is KLOT between
    plans of total mass 1, the KL divergence of two transport plans; or 1 - CKA; or the mean of row
    and column KL divergences of two softmaxes. An affinity holds the cosines of the step's
    unpaired images and texts, which are drawn independently. So beta weighs a unit of divergence
    per row against a unit of SigLIP per row; the paper's alpha = 1e-4 stands for a beta between 1
    and 3, depending on normalisations that it does not tell.

    Where the pools fit into a step, the teacher's plan is one for all steps: it is solved once, to
    convergence, and the student's potentials of one step start the next.

    Parameters
    ----------
    divergence : {"klot", "cka", "info-nce"}
    beta : float
    epsilon_student, epsilon_teacher : float
        Entropic regularisation of both plans, or temperature of both softmaxes.
    iterations : int
        Of Sinkhorn's algorithm in each step.
    shuffled : bool
        A control: the teacher's images change places at random, so that its plan says nothing of
        which image belongs to which text. Whatever gain remains is none of the teacher's.
    start_at_teacher : bool
        Initial layers that map as the teacher does, up to what LayerNorm changes. At most as many
        of the teacher's directions as the student has; further directions of the student are 0.
    streaming : bool
        KLOT without any matrix of images x texts: slower, for pools beyond the memory.
    """

    divergence: Literal["klot", "cka", "info-nce"] = "klot"
    beta: float = 1.0
    epsilon_student: float = 0.05
    epsilon_teacher: float = 0.01
    iterations: int = 100
    shuffled: bool = False
    start_at_teacher: bool = False
    streaming: bool = False

    needs_teacher = True
    uses_unpaired = True

    def __post_init__(self) -> None:
        if self.streaming and self.divergence != "klot":
            raise BlindmatchError(
                f"streaming: expected divergence 'klot' with it, found {self.divergence!r}"
            )

    def prepare(self, data, teacher, *, seed, report) -> Objective:
        """See `blindmatch.alignment.methods.Method`."""
        from blindmatch.alignment._losses import siglip
        from blindmatch.alignment.methods._divergence import Divergence

        divergence = Divergence(self, data, teacher, seed)

        def loss(student, outputs, batch):
            images, texts = outputs.pairs
            supervised = siglip(images @ texts.T, student.scale, student.bias)
            if divergence.empty:
                return supervised, {"siglip": supervised.detach()}
            value = divergence(*outputs.unpaired, batch)
            terms = {"siglip": supervised.detach(), "divergence": value.detach()}
            return supervised + self.beta * value, terms

        return Objective(loss, divergence.diagnostics, divergence.state)

    def start(self, student, data, teacher) -> None:
        """See `blindmatch.alignment.methods.Method`."""
        if self.start_at_teacher:
            from blindmatch.alignment._student import imitate

            maps = teacher.vision_map, teacher.language_map
            for layer, rows, linear in zip(
                (student.vision, student.language), data.pairs, maps, strict=True
            ):
                imitate(layer, rows, linear)
