"""S-CLIP: unpaired images are taught which captions they resemble."""

import dataclasses
from typing import Literal

from blindmatch.alignment.methods import Method, Objective, methods


@methods.register("s-clip")
@dataclasses.dataclass(frozen=True)
class SClip(Method):
    """SigLIP on the pairs, and pseudo-captions for unpaired images, at the level of captions.

    Mo et al. 2023, "S-CLIP: Semi-supervised Vision-Language Learning using Few Specialist
    Captions". An unpaired image gets a distribution over the captions of the pairs, by its
    similarity to the pairs' images; texts likewise:

        L = S_row + weight * (CE(images) + CE(texts)) / 2

    CE is the cross entropy (nats, mean over rows) between that distribution and the student's
    softmax over the captions, which has SigLIP's scale.

    Parameters
    ----------
    target : {"ot", "soft", "hard"}
        The rows of an entropic transport plan; a softmax; all on the most similar one.
    temperature : float
        Of the softmax; the epsilon of the plan.
    weight : float
    joint : bool
        Similarities in the student's space, else in the encoder's own.
    iterations : int
        Of Sinkhorn's algorithm.
    """

    target: Literal["ot", "soft", "hard"] = "ot"
    temperature: float = 0.05
    weight: float = 1.0
    joint: bool = False
    iterations: int = 100

    uses_unpaired = True

    def prepare(self, data, teacher, *, seed, report) -> Objective:
        """See `blindmatch.alignment.methods.Method`."""
        import torch
        from torch.nn import functional

        kept = {}

        def targets(side, outputs, batch):
            """Distributions over the pairs, shape (unpaired rows, pairs)."""
            same = batch.pairs_whole and batch.unpaired_whole[side] and not self.joint
            if side not in kept or not same:
                if self.joint:
                    rows, pairs = outputs.unpaired[side].detach(), outputs.pairs[side].detach()
                else:
                    rows = functional.normalize(data.unpaired[side][batch.unpaired[side]], dim=1)
                    pairs = functional.normalize(data.pairs[side][batch.pairs], dim=1)
                kept[side] = self._distribution(rows @ pairs.T)
            return kept[side]

        def cross_entropy(side, student, outputs, batch):
            logits = student.scale * outputs.unpaired[side] @ outputs.pairs[1 - side].T
            return functional.cross_entropy(logits, targets(side, outputs, batch))

        def loss(student, outputs, batch):
            from blindmatch.alignment._losses import siglip

            images, texts = outputs.pairs
            supervised = siglip(images @ texts.T, student.scale, student.bias)
            sides = [side for side in (0, 1) if len(batch.unpaired[side])]
            pseudo = sum(
                (cross_entropy(side, student, outputs, batch) for side in sides),
                start=torch.zeros((), device=images.device),
            )
            terms = {"siglip": supervised.detach(), "pseudo": pseudo.detach() / 2}
            return supervised + self.weight * pseudo / 2, terms

        return Objective(loss)

    def _distribution(self, similarity):
        from torch.nn import functional

        from blindmatch.alignment._sinkhorn import plan

        if self.target == "hard":
            return functional.one_hot(similarity.argmax(dim=1), similarity.shape[1]).float()
        if self.target == "soft":
            return (similarity / self.temperature).softmax(dim=1)
        found = plan(similarity, self.temperature, iterations=self.iterations)
        return found / found.sum(dim=1, keepdim=True)
