"""STRUCTURE: the map keeps who resembles whom within each modality."""

import dataclasses

from blindmatch.alignment.methods import Method, Objective, methods


@methods.register("structure")
@dataclasses.dataclass(frozen=True)
class Structure(Method):
    """SigLIP on the pairs, and the geometry of each modality as it was before the map.

    Gröger et al. 2025, "With Limited Data for Multimodal Alignment, Let the STRUCTURE Guide You",
    with one level:

        L = S_row + weight * (JS(images) + JS(texts)) / 2

    JS is the Jensen-Shannon divergence (nats, mean over rows) of the softmax similarities of rows
    before and after the map. The contrastive loss is SigLIP's, as in the other methods here.

    Parameters
    ----------
    weight : float
        At its full value.
    warm_up : int
        Steps in which the weight rises from 0.
    temperature : float
        Of both softmaxes.
    unpaired : bool
        Keep the geometry of pairs and unpaired rows; else that of the pairs alone.
    """

    weight: float = 10.0
    warm_up: int = 0
    temperature: float = 0.07
    unpaired: bool = True

    @property
    def uses_unpaired(self) -> bool:
        """See `blindmatch.alignment.methods.Method`."""
        return self.unpaired

    def prepare(self, data, teacher, *, seed, report) -> Objective:
        """See `blindmatch.alignment.methods.Method`."""
        import torch

        from blindmatch.alignment._losses import jensen_shannon, resemblance, siglip

        kept = {}

        def before(side, batch):
            """Of the embeddings themselves; the same in all steps if they are."""
            same = batch.pairs_whole and (batch.unpaired_whole[side] or not self.unpaired)
            if side not in kept or not same:
                rows = data.pairs[side][batch.pairs]
                if self.unpaired:
                    rows = torch.cat([rows, data.unpaired[side][batch.unpaired[side]]])
                kept[side] = resemblance(rows, self.temperature).softmax(dim=1)
            return kept[side]

        def after(side, outputs):
            rows = outputs.pairs[side]
            if self.unpaired:
                rows = torch.cat([rows, outputs.unpaired[side]])
            return resemblance(rows, self.temperature)

        def loss(student, outputs, batch):
            images, texts = outputs.pairs
            supervised = siglip(images @ texts.T, student.scale, student.bias)
            both = [jensen_shannon(after(side, outputs), before(side, batch)) for side in (0, 1)]
            changed = sum(both) / 2
            weight = self.weight * (min(1.0, batch.step / self.warm_up) if self.warm_up else 1.0)
            terms = {"siglip": supervised.detach(), "structure": changed.detach()}
            return supervised + weight * changed, terms

        return Objective(loss)
