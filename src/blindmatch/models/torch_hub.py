"""Models of torch.hub that timm lacks.

The architectures are torchvision's and only the published weights are fetched: the code of a hub
repository is not run.
"""

from typing import NamedTuple

from blindmatch.errors import BlindmatchError
from blindmatch.models import VisionEncoder, count_parameters, families
from blindmatch.models._folding import fold_batch_norms
from blindmatch.models._options import check_options, one_of
from blindmatch.models._preprocessing import squash
from blindmatch.models._weights import fetch_url
from blindmatch.registry import nearest
from blindmatch.settings import ModelSettings


class Entry(NamedTuple):
    """One entry point of a hub repository: torchvision's architecture and the weights."""

    architecture: str
    url: str


#: ``owner/repository:entry`` -> what it loads.
ENTRIES = {
    "facebookresearch/dino:dino_resnet50": Entry(
        "resnet50",
        "https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth",
    ),
}


@families.register("torch-hub")
class TorchHub:
    """A torchvision architecture with weights that a torch.hub repository publishes."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The pooled features; the whole image is squashed to `resolution` (default 224).

        Raises
        ------
        BlindmatchError
            Unknown checkpoint, or weights that cannot be fetched or do not fit.
        """
        import torch
        from torchvision.models import get_model

        check_options(
            settings, required=("checkpoint",), optional=("layer", "resolution", "sha256")
        )
        layer = one_of("layer", settings.layer, ("pre_logits",))
        if settings.checkpoint not in ENTRIES:
            raise BlindmatchError(
                f"unknown torch.hub checkpoint {settings.checkpoint!r}"
                f"{nearest(settings.checkpoint, ENTRIES)}; known: {', '.join(sorted(ENTRIES))}"
            )
        entry = ENTRIES[settings.checkpoint]
        model = get_model(entry.architecture, weights=None)
        dimension = model.fc.in_features
        model.fc = torch.nn.Identity()
        weights = "random"
        if pretrained:
            weights = _load(model, entry.url, settings.sha256)
        resolution = settings.resolution or 224
        return VisionEncoder(
            model=fold_batch_norms(model.eval().requires_grad_(False), resolution),
            read=_forward,
            preprocess=squash(resolution, "bicubic"),
            dimension=dimension,
            identity={
                "checkpoint": settings.checkpoint,
                "layer": layer,
                "parameters": count_parameters(model),
                "resolution": resolution,
                "sha256": weights,
            },
        )


def _load(model, url: str, sha256: str | None) -> str:
    """Fill the model from the published file; full sha256 of that file."""
    import torch

    path, digest = fetch_url(url, sha256)
    state = torch.load(path, map_location="cpu", weights_only=True)
    missing, unexpected = model.load_state_dict(state, strict=False)
    # Counters of batch normalisation play no part in eval mode and older files lack them.
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise BlindmatchError(
            f"{path}: does not fit the architecture; lacks {missing[:3]}, has also {unexpected[:3]}"
        )
    return digest


def _forward(model, images, rows):
    return model(images)
