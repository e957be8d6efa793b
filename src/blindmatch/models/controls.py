"""Controls: models that have learned nothing, to show what a score is without learning."""

import functools

import numpy as np

from blindmatch.models import VisionEncoder, count_parameters, families
from blindmatch.models._options import check_options
from blindmatch.models._preprocessing import squash
from blindmatch.settings import ModelSettings


@families.register("pixels")
class Pixels:
    """The image itself: its normalised pixels as one long vector."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The whole image squashed to a square (default 224 pixels), flattened."""
        import torch

        check_options(settings, optional=("resolution",))
        resolution = settings.resolution or 224
        return VisionEncoder(
            model=torch.nn.Identity().eval(),
            read=_flatten,
            preprocess=squash(resolution, "bilinear"),
            dimension=3 * resolution**2,
            identity={"checkpoint": "pixels", "resolution": resolution},
        )


@families.register("random-vectors")
class RandomVectors:
    """Standard normal vectors that depend on the seed and the row number alone."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """Vectors of length `dimension` (default 1280, that of ViT-H); sees no images."""
        import torch

        check_options(settings, required=("seed",), optional=("dimension",))
        dimension = settings.dimension or 1280
        return VisionEncoder(
            model=torch.nn.Identity().eval(),
            read=functools.partial(_draw, settings.seed, dimension),
            preprocess=None,
            dimension=dimension,
            identity={"checkpoint": "random-vectors", "seed": settings.seed},
        )


@families.register("random-vit")
class RandomViT:
    """A vision transformer of torchvision as it is initialised, before any training."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The class token of `checkpoint` (default ViT-H/14), weights drawn from the seed.

        The image is squashed to the architecture's 224 pixels. torchvision and not timm,
        because the paper's control has torchvision's initialisation.
        """
        import torch
        from torchvision.models import get_model

        check_options(settings, required=("seed",), optional=("checkpoint",))
        architecture = settings.checkpoint or "vit_h_14"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            model = get_model(architecture, weights=None)
        model.heads = torch.nn.Identity()
        return VisionEncoder(
            model=model.eval().requires_grad_(False),
            read=_forward,
            preprocess=squash(224, "bicubic"),
            dimension=model.hidden_dim,
            identity={
                "checkpoint": architecture,
                "layer": "cls",
                "parameters": count_parameters(model),
                "resolution": 224,
                "seed": settings.seed,
            },
        )


def _draw(seed: int, dimension: int, model, images, rows):
    import torch

    vectors = [np.random.default_rng((seed, int(row))).standard_normal(dimension) for row in rows]
    return torch.from_numpy(np.stack(vectors).astype(np.float32))


def _flatten(model, images, rows):
    return images.flatten(start_dim=1)


def _forward(model, images, rows):
    return model(images)
