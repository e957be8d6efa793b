"""Model families: how a checkpoint becomes an encoder.

Importing this package or a family is light; torch and the model libraries are imported on use.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from blindmatch.registry import Registry
from blindmatch.settings import ModelSettings

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

families = Registry("model family", __name__)


@dataclasses.dataclass(frozen=True, eq=False)
class VisionEncoder:
    """A vision model ready to run: on the CPU, float32, in eval mode, without gradients.

    Attributes
    ----------
    model : torch.nn.Module
        Moved to the device, and to channels_last, by the embedding loop.
    read : callable
        ``read(model, images, rows)``: images (batch, 3, height, width) and their row numbers
        (batch,) -> embeddings (batch, dimension) of the configured layer. Called in worker
        processes on a CPU.
    preprocess : callable or None
        PIL image -> tensor (3, height, width); picklable. None: the model sees no images (an empty
        tensor), only row numbers.
    dimension : int
    identity : dict
        Recorded in the cache: checkpoint, layer, resolution, revision or sha256 of the weights, and
        `parameters`, how many the layer depends on (absent for controls without any).
    """

    model: "torch.nn.Module"
    read: "Callable[[torch.nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]"
    preprocess: "Callable[[Image], torch.Tensor] | None"
    dimension: int
    identity: dict[str, object]


@dataclasses.dataclass(frozen=True, eq=False)
class LanguageEncoder:
    """A language model ready to run.

    Attributes
    ----------
    encode : callable
        ``encode(texts, device)``: list of str -> np.ndarray (len(texts), dimension), float32.
    dimension : int
    identity : dict
        As for `VisionEncoder`.
    """

    encode: Callable[[list[str], str], np.ndarray]
    dimension: int
    identity: dict[str, object]


class Family(Protocol):
    """What a registered family offers; a family of one modality lacks the other method."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The encoder of an entry; ``pretrained=False`` gives random weights, offline."""

    @staticmethod
    def language(settings: ModelSettings, *, pretrained: bool = True) -> LanguageEncoder:
        """The encoder of an entry; ``pretrained=False`` gives random weights, offline."""


def count_parameters(*modules: "torch.nn.Module") -> int:
    """Number of parameters of some torch modules."""
    return sum(parameter.numel() for module in modules for parameter in module.parameters())
