"""Language models of the sentence-transformers library."""

from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, count_parameters, families
from blindmatch.models._options import check_options, one_of
from blindmatch.models._weights import (
    explained_hub,
    fetch_hub,
    find_in_package,
    hub_answers,
    unpack_packages,
    verify,
)
from blindmatch.reading import reading
from blindmatch.settings import ModelSettings


@families.register("sentence-transformers")
class SentenceTransformers:
    """A sentence embedding model.

    `checkpoint` is a Hugging Face repository, pinned by `revision`, or a folder in which
    sentence-transformers saved a model; with `package` the model comes from an installed
    distribution, with `packages` from several that hold the parts of a zip file, and `sha256` is
    that of its ``model.safetensors``.
    """

    @staticmethod
    def language(settings: ModelSettings, *, pretrained: bool = True) -> LanguageEncoder:
        """The sentence embedding as the model defines it (pooling, dense layers, length).

        ``pretrained=False`` keeps the architecture and draws the weights anew; only packages,
        folders and cached repositories say their architecture without a network.

        Raises
        ------
        BlindmatchError
            A package that is not installed, or weights that cannot be had or are not the pinned
            ones.
        """
        packaged = "packages" if settings.packages else "package"
        pins = (packaged, "sha256") if settings.packages or settings.package else ("revision",)
        check_options(settings, required=("checkpoint",), optional=("layer", *pins))
        layer = one_of("layer", settings.layer, ("embedding",))
        model, weights = _load(settings)
        # Some repositories store half precision; float32 holds the same values.
        model = model.float().eval().requires_grad_(False)
        if not pretrained:
            _randomise(model)
            weights = {"weights": "random"}

        def encode(texts: list[str], device: str) -> np.ndarray:
            return model.encode(
                texts, batch_size=max(1, len(texts)), device=device, show_progress_bar=False
            )

        return LanguageEncoder(
            encode,
            dimension=encode(["a"], "cpu").shape[1],
            identity={
                "checkpoint": settings.checkpoint,
                "layer": layer,
                "parameters": count_parameters(model),
                **weights,
            },
        )


def _load(settings: ModelSettings) -> tuple:
    """The model on the CPU, and what to record about its weights."""
    from sentence_transformers import SentenceTransformer

    if settings.packages or settings.package:
        names, folder = _packaged(settings)
        weights = {"package": names}
        weights["sha256"] = verify(folder / "model.safetensors", settings.sha256)
        return _open(folder), weights
    if Path(settings.checkpoint).is_dir():
        folder = Path(settings.checkpoint)
        return _open(folder), {"sha256": verify(folder / "model.safetensors", None)}
    _, commit = fetch_hub(settings.checkpoint, ("modules.json",), settings.revision)
    # Asked file by file, a hub that does not answer would cost minutes of repeated requests.
    online = hub_answers(settings.checkpoint, "modules.json", commit)
    with explained_hub(settings.checkpoint):
        model = SentenceTransformer(
            settings.checkpoint, revision=commit, device="cpu", local_files_only=not online
        )
    return model, {"revision": commit}


def _open(folder: Path):
    from sentence_transformers import SentenceTransformer

    with reading(folder, "model of sentence-transformers"):
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def _packaged(settings: ModelSettings) -> tuple[str, Path]:
    """Names of the distributions, and the folder of the model that they bring."""
    if not settings.packages:
        return settings.package, find_in_package(settings.package, "*/modules.json").parent
    folder = unpack_packages(settings.packages, "*.zip.[0-9]*")
    found = list(folder.rglob("modules.json"))
    if len(found) != 1:
        raise BlindmatchError(f"{folder}: expected one file modules.json, found {len(found)}")
    return ", ".join(settings.packages), found[0].parent


def _randomise(model) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.normal_(std=0.02, generator=generator)
