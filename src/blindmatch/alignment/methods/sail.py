"""SAIL: the supervised baseline."""

import dataclasses

from blindmatch.alignment.methods import Method, Objective, methods


@methods.register("sail")
@dataclasses.dataclass(frozen=True)
class Sail(Method):
    """SigLIP on the pairs.

    Zhang et al. 2025, "Assessing and Learning Alignment of Unimodal Vision and Language Models".

    Parameters
    ----------
    unpaired_negatives : bool
        Count unpaired rows as negatives, too: images of the pairs against all texts, and texts of
        the pairs against all images, at half the weight each. Unpaired images against unpaired
        texts are left out, for some of them may belong together.
    """

    unpaired_negatives: bool = False

    @property
    def uses_unpaired(self) -> bool:
        """See `blindmatch.alignment.methods.Method`."""
        return self.unpaired_negatives

    def prepare(self, data, teacher, *, seed, report) -> Objective:
        """See `blindmatch.alignment.methods.Method`."""
        import torch

        from blindmatch.alignment._losses import siglip

        def loss(student, outputs, batch):
            images, texts = outputs.pairs
            if not self.unpaired_negatives:
                return siglip(images @ texts.T, student.scale, student.bias), {}
            more_images, more_texts = outputs.unpaired
            blocks = (
                images @ torch.cat([texts, more_texts]).T,
                texts @ torch.cat([images, more_images]).T,
            )
            return sum(siglip(block, student.scale, student.bias) for block in blocks) / 2, {}

        return Objective(loss)
