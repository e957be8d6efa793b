"""NNCLR-style neighbours: more positives for each pair."""

import dataclasses
from typing import TYPE_CHECKING

from blindmatch.alignment.methods import Method, Objective, methods

if TYPE_CHECKING:
    import torch

#: Rows whose neighbours are sought at a time, and among how many, to bound memory.
_BLOCK = 1024
_PART = 65_536


@methods.register("nnclr")
@dataclasses.dataclass(frozen=True)
class Nnclr(Method):
    """SigLIP on the pairs, and on each pair's image with a text that resembles its caption.

    After Dwibedi et al. 2021, "With a Little Help from My Friends", and DeCLIP (Li et al. 2022):

        L = S_row + weight * (S_row(images, neighbours of captions)
                              + S_row(texts, neighbours of images)) / 2

    In every step each pair draws one of the `k` nearest neighbours (cosine of the embeddings
    themselves) among all texts, paired and unpaired; images likewise.

    Parameters
    ----------
    k : int
    weight : float
    """

    k: int = 5
    weight: float = 1.0

    uses_unpaired = True

    def prepare(self, data, teacher, *, seed, report) -> Objective:
        """See `blindmatch.alignment.methods.Method`."""
        import torch

        from blindmatch.alignment._losses import siglip

        near = [nearest(*both, self.k) for both in zip(data.pairs, data.unpaired, strict=True)]

        def neighbours(anchors, side, layer, student, batch):
            """S_row between rows of one modality and the neighbours of their partners."""
            chosen = batch.random.integers(near[side].shape[1], size=len(batch.pairs))
            rows = near[side][batch.pairs, torch.as_tensor(chosen, device=anchors.device)]
            # A neighbour may be that of several pairs, or the partner of one of them.
            positives = (rows == rows[:, None]) | (rows == batch.pairs[:, None])
            similarity = anchors @ layer(take(data.pairs[side], data.unpaired[side], rows)).T
            return siglip(similarity, student.scale, student.bias, positives)

        def loss(student, outputs, batch):
            images, texts = outputs.pairs
            supervised = siglip(images @ texts.T, student.scale, student.bias)
            more = (
                neighbours(texts, 0, student.images, student, batch)
                + neighbours(images, 1, student.texts, student, batch)
            ) / 2
            terms = {"siglip": supervised.detach(), "neighbours": more.detach()}
            return supervised + self.weight * more, terms

        return Objective(loss)


def nearest(pairs: "torch.Tensor", unpaired: "torch.Tensor", k: int) -> "torch.Tensor":
    """The nearest other rows of each pair's row, by cosine; the nearest first.

    Parameters
    ----------
    pairs, unpaired : torch.Tensor, shapes (pairs, D), (any, D)
        Where neighbours are sought.
    k : int
        Neighbours of each; fewer where there are no more rows.

    Returns
    -------
    torch.Tensor, shape (pairs, k), int64
        Row numbers, as `take` understands them.
    """
    import torch
    from torch.nn import functional

    device, most = pairs.device, min(k, len(pairs) + len(unpaired) - 1)
    found = []
    for block in torch.arange(len(pairs), device=device).split(_BLOCK):
        unit = functional.normalize(pairs[block], dim=1)
        values = unit.new_empty(len(block), 0)
        rows = block.new_empty(len(block), 0)
        first = 0
        for part in (*pairs.split(_PART), *unpaired.split(_PART)):
            similarity = unit @ functional.normalize(part, dim=1).T
            numbers = torch.arange(first, first + len(part), device=device)
            similarity.masked_fill_(block[:, None] == numbers, -torch.inf)
            values = torch.cat([values, similarity], dim=1)
            rows = torch.cat([rows, numbers.expand(len(block), -1)], dim=1)
            values, kept = values.topk(min(most, values.shape[1]), dim=1)
            rows = rows.gather(1, kept)
            first += len(part)
        found.append(rows)
    return torch.cat(found)


def take(pairs: "torch.Tensor", unpaired: "torch.Tensor", rows: "torch.Tensor") -> "torch.Tensor":
    """Rows of both, by numbers that count the pairs first, then the unpaired rows."""
    taken = pairs.new_empty(len(rows), pairs.shape[1])
    paired = rows < len(pairs)
    taken[paired] = pairs[rows[paired]]
    taken[~paired] = unpaired[rows[~paired] - len(pairs)]
    return taken
