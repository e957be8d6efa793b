"""CLIP and its relatives from open_clip: image tower and text tower."""

from pathlib import Path

import numpy as np

from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, VisionEncoder, count_parameters, families
from blindmatch.models._options import check_options, one_of
from blindmatch.models._weights import explained_hub, fetch_hub, fetch_url, verify
from blindmatch.registry import nearest
from blindmatch.settings import ModelSettings


@families.register("open-clip")
class OpenClip:
    """A model of open_clip; `checkpoint` is ``architecture/tag``, e.g. ``ViT-L-14-336/openai``.

    Both towers give the embedding of the shared space, not normalised. Weights come from the
    publisher's address if only `sha256` is given, else from the Hugging Face hub at `revision`.
    """

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The image tower with open_clip's own preprocessing: shorter side resized, centre kept.

        Raises
        ------
        BlindmatchError
            Unknown checkpoint, or weights that cannot be had or are not the pinned ones.
        """
        from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

        model, config, identity = _build(settings, pretrained)
        size = model.visual.image_size
        preprocess = merge_preprocess_dict(PreprocessCfg(size=size), config)
        return VisionEncoder(
            model=model,
            read=_image_embedding,
            preprocess=image_transform_v2(PreprocessCfg(**preprocess), is_train=False),
            dimension=_dimension(settings.checkpoint),
            identity={
                **identity,
                "parameters": count_parameters(model.visual),
                "resolution": size if isinstance(size, int) else size[0],
            },
        )

    @staticmethod
    def language(settings: ModelSettings, *, pretrained: bool = True) -> LanguageEncoder:
        """The text tower; a text is cut to the tower's context length, 77 tokens for CLIP.

        Raises
        ------
        BlindmatchError
            As `vision`.
        """
        import open_clip
        import torch

        model, _, identity = _build(settings, pretrained)
        architecture = settings.checkpoint.partition("/")[0]
        text = open_clip.get_model_config(architecture)["text_cfg"]
        with explained_hub(text.get("hf_tokenizer_name", architecture)):
            tokenizer = open_clip.get_tokenizer(architecture)

        def encode(texts: list[str], device: str) -> np.ndarray:
            with torch.inference_mode():
                embeddings = model.to(device).encode_text(tokenizer(texts).to(device))
            return embeddings.float().cpu().numpy()

        parameters = count_parameters(model) - count_parameters(model.visual)
        return LanguageEncoder(
            encode, _dimension(settings.checkpoint), {**identity, "parameters": parameters}
        )


def configuration(checkpoint: str) -> dict:
    """open_clip's description of a checkpoint, empty for an architecture without weights.

    Raises
    ------
    BlindmatchError
        If open_clip has no such architecture or checkpoint.
    """
    import open_clip

    architecture, _, tag = checkpoint.partition("/")
    if architecture not in open_clip.list_models():
        raise BlindmatchError(
            f"open_clip {open_clip.__version__} has no architecture {architecture!r}"
            f"{nearest(architecture, open_clip.list_models())}"
        )
    config = open_clip.get_pretrained_cfg(architecture, tag) if tag else {}
    if tag and not config:
        tags = open_clip.list_pretrained_tags_by_model(architecture)
        raise BlindmatchError(
            f"open_clip {open_clip.__version__} has no weights {tag!r} for {architecture}"
            f"{nearest(tag, tags)}; known: {', '.join(tags) or 'none'}"
        )
    return config


def _build(settings: ModelSettings, pretrained: bool) -> tuple:
    """Both towers in float32, open_clip's description of the checkpoint, the identity."""
    import open_clip

    check_options(settings, required=("checkpoint",), optional=("layer", "revision", "sha256"))
    layer = one_of("layer", settings.layer, ("embedding",))
    config = configuration(settings.checkpoint)
    architecture, _, tag = settings.checkpoint.partition("/")
    path, weights = _weights(settings, config) if pretrained else (None, {"weights": "random"})
    if path and path.suffix == ".pt" and tag == "openai":
        model = open_clip.load_openai_model(str(path), precision="fp32", device="cpu")
    else:
        model = open_clip.create_model(
            architecture,
            pretrained=path and str(path),
            force_quick_gelu=config.get("quick_gelu", False),
        )
    identity = {"checkpoint": settings.checkpoint, "layer": layer, **weights}
    return model.float().eval().requires_grad_(False), config, identity


def _weights(settings: ModelSettings, config: dict) -> tuple[Path, dict]:
    """The weights file, checked, and what to record about it."""
    if not config:
        raise BlindmatchError(
            f"checkpoint {settings.checkpoint!r}: names no weights, expected architecture/tag"
        )
    url, hub = config.get("url"), config.get("hf_hub")
    if url and (not hub or (settings.sha256 and settings.revision is None)):
        path, digest = fetch_url(url, settings.sha256)
        return path, {"sha256": digest}
    # open_clip writes owner/name/ for the standard file names, owner/name/file for others.
    repository, _, name = hub.rpartition("/")
    name = name or "open_clip_pytorch_model.bin"
    safe = "open_clip_model.safetensors" if hub.endswith("/") else f"{Path(name).stem}.safetensors"
    path, commit = fetch_hub(repository, (safe, name), settings.revision)
    return path, {"revision": commit, "sha256": verify(path, settings.sha256)}


def _dimension(checkpoint: str) -> int:
    import open_clip

    return open_clip.get_model_config(checkpoint.partition("/")[0])["embed_dim"]


def _image_embedding(model, images, rows):
    return model.encode_image(images)
