"""Losses between unit rows, in float32 whatever comes in; sums over entries, means over rows."""

import torch
from torch.nn import functional

from blindmatch.alignment._sinkhorn import row_blocks


def siglip(
    similarity: torch.Tensor,
    scale: torch.Tensor | float,
    bias: torch.Tensor | float,
    positives: torch.Tensor | None = None,
) -> torch.Tensor:
    """The sigmoid loss of pairs: - log sigmoid(sign * (scale * cosine + bias)).

    Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training": the sum over all entries,
    divided by the number of rows (S_row; the mean over entries would be smaller by the number of
    columns).

    Parameters
    ----------
    similarity : torch.Tensor, shape (rows, columns)
        Cosines; columns beyond the rows are negatives of every row.
    scale, bias : torch.Tensor or float
    positives : torch.Tensor, shape (rows, columns), bool, optional
        Which entries have the sign +1; by default the diagonal.
    """
    with torch.autocast(similarity.device.type, enabled=False):
        logits = similarity.float() * scale + bias
        chosen = logits.diagonal() if positives is None else logits[positives]
        # softplus(-z) = softplus(z) - z: the positives need no matrix of signs.
        return (functional.softplus(logits).sum() - chosen.sum()) / len(logits)


def resemblance(rows: torch.Tensor, temperature: float) -> torch.Tensor:
    """How each row resembles the others, shape (rows, rows): cosines over the temperature.

    Rows are scaled to unit length, then centred.
    """
    with torch.autocast(rows.device.type, enabled=False):
        rows = functional.normalize(rows.float(), dim=1)
        rows = rows - rows.mean(dim=0)
        return rows @ rows.T / temperature


def jensen_shannon(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Jensen-Shannon divergence of softmaxes from distributions, nats, mean over rows.

    Between 0 and log 2. The gradient, ``Q (g - <Q, g>) / rows`` with ``g = log(Q / M) / 2``, is
    made with the value, some rows at a time: no further matrix is kept.

    Parameters
    ----------
    logits : torch.Tensor, shape (rows, columns)
    target : torch.Tensor, shape (rows, columns)
        Each row a distribution; it gets no gradient.
    """
    return _JensenShannon.apply(logits, target)


class _JensenShannon(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target):
        gradient, value = torch.empty_like(logits), 0.0
        for rows in row_blocks(logits):
            logarithms, shares = logits[rows].log_softmax(dim=1), target[rows]
            own = logarithms.exp()
            # No logarithm of 0, where shares are too small for a number.
            least = torch.finfo(own.dtype).tiny
            middle = (own + shares).div_(2).clamp_min_(least).log_()
            value += (shares * (shares.clamp_min(least).log_() - middle)).sum().double() / 2
            half = (logarithms - middle).div_(2)
            rising = own * half
            sums = rising.sum(dim=1, keepdim=True)
            value += sums.sum().double()
            gradient[rows] = rising.sub_(own.mul_(sums))
        ctx.save_for_backward(gradient.div_(len(logits)))
        return (value / len(logits)).to(logits.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, value_gradient):
        (gradient,) = ctx.saved_tensors
        return gradient * value_gradient, None
