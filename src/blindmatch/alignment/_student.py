"""The student: an alignment layer for each modality, and the scalars of SigLIP."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

#: Rows that are mapped at a time outside of training, to bound memory.
BLOCK = 16_384


def standardise(rows: torch.Tensor) -> torch.Tensor:
    """Each row less its mean, over its standard deviation, in float32: LayerNorm without its gain.

    Fixed embeddings need it once, however often they are trained on.
    """
    return functional.layer_norm(rows.float(), rows.shape[1:])


class Layer(nn.Module):
    """LayerNorm, then one linear map, then unit length.

    Parameters
    ----------
    inputs, outputs : int
        Dimensions.
    generator : torch.Generator
        Of the initial weights (Xavier, uniform); all else starts as the identity.
    """

    def __init__(self, inputs: int, outputs: int, generator: torch.Generator) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(inputs))
        self.shift = nn.Parameter(torch.zeros(inputs))
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.xavier_uniform_(self.weight, generator=generator)

    def forward(self, standardised: torch.Tensor) -> torch.Tensor:
        """Unit rows, shape (rows, outputs), of rows that went through `standardise`."""
        # Gain and shift act on the weights, which are fewer than the entries of the rows.
        weight, bias = self.weight * self.gain, self.weight @ self.shift + self.bias
        return functional.normalize(functional.linear(standardised, weight, bias), dim=1)


class Student(nn.Module):
    """Two alignment layers into one space (SOTAlign, appendix A.1).

    Parameters
    ----------
    vision_dimension, language_dimension : int
        Of the encoders.
    dimension : int
        Of the shared space.
    seed : int
        Of the initial weights.

    Attributes
    ----------
    vision, language : Layer
    log_scale, bias : nn.Parameter
        Of SigLIP's logits; they start at log 20 and -10.
    """

    def __init__(
        self, vision_dimension: int, language_dimension: int, dimension: int, *, seed: int = 0
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.vision = Layer(vision_dimension, dimension, generator)
        self.language = Layer(language_dimension, dimension, generator)
        self.log_scale = nn.Parameter(torch.tensor(math.log(20.0)))
        self.bias = nn.Parameter(torch.tensor(-10.0))

    @property
    def scale(self) -> torch.Tensor:
        """The factor of cosines in SigLIP's logits."""
        return self.log_scale.exp()

    def images(self, rows: torch.Tensor) -> torch.Tensor:
        """Unit rows, shape (rows, dimension), float32, of images' embeddings."""
        return self.vision(standardise(rows))

    def texts(self, rows: torch.Tensor) -> torch.Tensor:
        """Unit rows, shape (rows, dimension), float32, of texts' embeddings."""
        return self.language(standardise(rows))


def imitate(layer: Layer, rows: torch.Tensor, linear: np.ndarray) -> None:
    """Give a layer the directions of a linear map, at the length of its initial weights.

    On standardised rows it then does what a linear teacher does on unit rows: subtract the mean,
    project. Both agree where the entries of an embedding have the mean 0.

    Parameters
    ----------
    layer : Layer
    rows : torch.Tensor, shape (n, D)
        Embeddings whose mean is mapped to 0.
    linear : np.ndarray, shape (D, directions)
        Directions that the layer has no outputs for are left out, outputs beyond them are 0.
    """
    with torch.no_grad():
        length = layer.weight.norm()
        directions = torch.as_tensor(linear[:, : len(layer.weight)].T).to(layer.weight)
        layer.weight.zero_()[: len(directions)] = directions * (length / directions.norm())
        layer.bias.copy_(-layer.weight @ standardise(rows).mean(dim=0))
