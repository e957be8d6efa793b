"""Vision models of timm: ViT, DeiT, DINO to DINOv3, ConvNeXt, EfficientNet-Lite and many more."""

from pathlib import Path

from blindmatch.errors import BlindmatchError
from blindmatch.models import VisionEncoder, count_parameters, families
from blindmatch.models._folding import fold_batch_norms
from blindmatch.models._options import check_options, one_of
from blindmatch.models._weights import fetch_hub, fetch_url, find_in_package, verify
from blindmatch.registry import nearest
from blindmatch.settings import ModelSettings


@families.register("timm")
class Timm:
    """A pretrained model of timm, by the name in ``timm.list_models(pretrained=True)``."""

    @staticmethod
    def vision(settings: ModelSettings, *, pretrained: bool = True) -> VisionEncoder:
        """The encoder of an entry.

        Layers: `pre_logits` (default) is the input of the classifier, `logits` its output,
        `cls` the class token after the last normalisation, `cls-mean` that token joined with the
        mean of the patch tokens (registers are neither). Images go through timm's own
        deterministic preprocessing for the checkpoint at the configured resolution: shorter side
        resized, centre kept. With `squash` the whole image is resized to the square instead.
        Position embeddings are resampled where the resolution is not that of the checkpoint.

        Weights come from `package` if given; from the publisher's address if only `sha256` is
        given; else from timm's Hugging Face repository at `revision`.

        Raises
        ------
        BlindmatchError
            Unknown checkpoint or layer, or weights that cannot be had or are not the pinned ones.
        """
        check_options(
            settings,
            required=("checkpoint",),
            optional=(
                *("layer", "resolution", "squash", "interpolation"),
                *("revision", "sha256", "package"),
            ),
        )
        config = configuration(settings.checkpoint)
        layer = one_of("layer", settings.layer, tuple(_READERS))
        model, weights = _build(settings, config, pretrained)
        data, preprocess = _preprocessing(settings, config)
        model = model.float().eval().requires_grad_(False)
        return VisionEncoder(
            model=fold_batch_norms(model, data["input_size"][-1]),
            read=_READERS[layer],
            preprocess=preprocess,
            dimension=_dimension(settings.checkpoint, model, layer),
            identity={
                "checkpoint": settings.checkpoint,
                "layer": layer,
                "parameters": count_parameters(model) - _unused(model, layer),
                "resolution": data["input_size"][-1],
                "interpolation": data["interpolation"],
                "crop": data["crop_pct"],
                "crop_mode": data["crop_mode"],
                **weights,
            },
        )


def _unused(model, layer: str) -> int:
    """Parameters behind the layer that is read: those of the classifier."""
    head = model.get_classifier()
    return 0 if layer == "logits" or head is None else count_parameters(head)


def configuration(checkpoint: str):
    """timm's `PretrainedCfg` of a checkpoint.

    Raises
    ------
    BlindmatchError
        If timm has no such checkpoint.
    """
    import timm

    try:
        config = timm.get_pretrained_cfg(checkpoint)
    except RuntimeError:  # a known architecture, an unknown tag
        config = None
    if config is None:
        raise BlindmatchError(
            f"timm {timm.__version__} has no checkpoint {checkpoint!r}"
            f"{nearest(checkpoint, timm.list_models(pretrained=True))}"
        )
    return config


def _build(settings: ModelSettings, config, pretrained: bool) -> tuple:
    """The model, and what to record about its weights."""
    import timm

    arguments = {}
    if config.fixed_input_size and settings.resolution:
        arguments["img_size"] = settings.resolution
    if not pretrained:
        return timm.create_model(settings.checkpoint, **arguments), {"weights": "random"}
    path, weights = _weights(settings, config)
    if settings.package:
        model = timm.create_model(settings.checkpoint, **arguments)
        _load_in_order(model, path)
    else:
        arguments["pretrained_cfg_overlay"] = {"file": str(path)}
        model = timm.create_model(settings.checkpoint, pretrained=True, **arguments)
    return model, weights


def _weights(settings: ModelSettings, config) -> tuple[Path, dict]:
    """The weights file, checked, and what to record about it."""
    if settings.package:
        path = find_in_package(settings.package, "*.pth")
        return path, {"package": settings.package, "sha256": verify(path, settings.sha256)}
    if settings.revision is None and settings.sha256 and config.url:
        path, digest = fetch_url(config.url, settings.sha256)
        return path, {"sha256": digest}
    if config.hf_hub_id is None:
        raise BlindmatchError(
            f"{settings.checkpoint}: is not on the Hugging Face hub; give the sha256 of "
            f"{config.url}"
        )
    names = ("model.safetensors", "pytorch_model.bin")
    path, commit = fetch_hub(config.hf_hub_id, names, settings.revision)
    return path, {"revision": commit, "sha256": verify(path, settings.sha256)}


def _load_in_order(model, path: Path) -> None:
    """Fill a model from a file that names the same tensors differently, in the same order.

    The packages of EfficientNet-Lite hold the weights of another implementation. Number and
    shape of all tensors must agree.
    """
    import torch

    state = torch.load(path, map_location="cpu", weights_only=True)
    expected = model.state_dict()
    if len(state) != len(expected):
        raise BlindmatchError(f"{path}: holds {len(state)} tensors, the model has {len(expected)}")
    renamed = {}
    for (name, tensor), (other, value) in zip(expected.items(), state.items(), strict=True):
        if tensor.shape != value.shape:
            raise BlindmatchError(
                f"{path}: tensor {other!r} has shape {tuple(value.shape)}, the model's {name!r} "
                f"has {tuple(tensor.shape)}"
            )
        renamed[name] = value
    model.load_state_dict(renamed)


def _preprocessing(settings: ModelSettings, config) -> tuple[dict, object]:
    """timm's description of the preprocessing, and the transform."""
    import timm.data

    wanted = {"interpolation": settings.interpolation}
    if settings.resolution:
        wanted["input_size"] = (3, settings.resolution, settings.resolution)
    if settings.squash:
        wanted.update(crop_pct=1.0, crop_mode="squash")
    data = timm.data.resolve_data_config(wanted, pretrained_cfg=config.to_dict())
    return data, timm.data.create_transform(**data, is_training=False)


def _dimension(checkpoint: str, model, layer: str) -> int:
    if layer == "logits":
        if model.num_classes == 0:
            raise BlindmatchError(f"{checkpoint}: has no classifier, so no layer 'logits'")
        return model.num_classes
    if layer == "pre_logits":
        return model.head_hidden_size
    if getattr(model, "cls_token", None) is None:
        raise BlindmatchError(f"{checkpoint}: has no class token, so no layer {layer!r}")
    return model.num_features * (2 if layer == "cls-mean" else 1)


def _pre_logits(model, images, rows):
    return model.forward_head(model.forward_features(images), pre_logits=True)


def _logits(model, images, rows):
    return model(images)


def _class_token(model, images, rows):
    return model.forward_features(images)[:, 0]


def _class_token_and_mean(model, images, rows):
    import torch

    tokens = model.forward_features(images)
    patches = tokens[:, model.num_prefix_tokens :]
    return torch.cat([tokens[:, 0], patches.mean(dim=1)], dim=1)


_READERS = {
    "pre_logits": _pre_logits,
    "logits": _logits,
    "cls": _class_token,
    "cls-mean": _class_token_and_mean,
}
