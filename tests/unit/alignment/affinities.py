"""Random affinities, and derivatives by differences."""

import torch
from torch.nn.functional import normalize


def unit_rows(count, dimension, seed, dtype=torch.float64):
    """Random unit rows."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(count, dimension, generator=generator, dtype=torch.float64)
    return normalize(rows).to(dtype)


def cosines(images, texts, seed, dimension=16, dtype=torch.float64):
    """Cosines of random rows, shape (images, texts)."""
    return (unit_rows(images, dimension, seed) @ unit_rows(texts, dimension, seed + 1000).T).to(
        dtype
    )


def differences(function, at, step):
    """Central differences of a scalar function of a tensor."""
    gradient = torch.empty_like(at)
    for place in range(at.numel()):
        move = torch.zeros_like(at)
        move.view(-1)[place] = step
        with torch.no_grad():
            gradient.view(-1)[place] = (function(at + move) - function(at - move)) / (2 * step)
    return gradient


def apart(found, expected):
    """Relative Frobenius distance."""
    return float((found.double() - expected.double()).norm() / expected.double().norm())
