"""Model families: layers, preprocessing and controls."""

import numpy as np
import pytest
import torch
from PIL import Image

from blindmatch.errors import BlindmatchError
from blindmatch.models import families
from blindmatch.settings import ModelSettings


def vision(family: str, *, pretrained: bool = False, **options):
    settings = ModelSettings(modality="vision", family=family, **options)
    return families[family].vision(settings, pretrained=pretrained)


def language(family: str, *, pretrained: bool = True, **options):
    settings = ModelSettings(modality="language", family=family, **options)
    return families[family].language(settings, pretrained=pretrained)


# --- layers and preprocessing ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "dimension"), [("logits", 1000), ("pre_logits", 64), ("cls", 64)]
)
def test_the_configured_layer_is_read(layer, dimension):
    encoder = vision("timm", checkpoint="test_vit.r160_in1k", layer=layer)
    images = torch.rand(2, 3, 160, 160)
    embeddings = encoder.read(encoder.model, images, torch.arange(2))
    assert embeddings.shape == (2, encoder.dimension) == (2, dimension)
    assert encoder.identity["layer"] == layer


def test_logits_are_the_classifier_applied_to_the_pre_logits():
    encoder = vision("timm", checkpoint="test_resnet.r160_in1k", layer="pre_logits")
    images = torch.rand(2, 3, 160, 160)
    features = encoder.read(encoder.model, images, torch.arange(2))
    expected = encoder.model(images)
    torch.testing.assert_close(encoder.model.get_classifier()(features), expected)


@pytest.mark.parametrize(
    ("checkpoint", "layer", "message"),
    [
        ("test_resnet.r160_in1k", "cls", "no class token"),
        ("test_vit2.r160_in1k", "cls-mean", "no class token, so no layer 'cls-mean'"),
        ("vit_small_patch16_224.dino", "logits", "no classifier"),
        ("test_vit.r160_in1k", "last", "found 'last', expected one of pre_logits, logits, cls,"),
        ("test_vit.r160", None, "has no checkpoint 'test_vit.r160' .did you mean 'test_vit"),
    ],
)
def test_a_layer_or_checkpoint_that_does_not_exist_is_refused(checkpoint, layer, message):
    with pytest.raises(BlindmatchError, match=message):
        vision("timm", checkpoint=checkpoint, layer=layer)


def test_the_class_token_is_joined_with_the_mean_of_the_patches_and_not_of_the_registers():
    encoder = vision(
        "timm", checkpoint="vit_small_patch16_dinov3.lvd1689m", layer="cls-mean", resolution=64
    )
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        found = encoder.read(encoder.model, images, None)
        tokens = encoder.model.forward_features(images)
        # timm's own way to the map of the patches, after the last normalisation.
        patches, prefix = encoder.model.forward_intermediates(
            images, indices=1, norm=True, return_prefix_tokens=True, intermediates_only=True
        )[0]
    assert tokens.shape == (2, 1 + 4 + 4 * 4, 384)
    assert prefix.shape == (2, 1 + 4, 384)
    expected = torch.cat([prefix[:, 0], patches.mean(dim=(2, 3))], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert found.shape == (2, encoder.dimension) == (2, 768)
    assert not torch.allclose(found[:, 384:], tokens[:, 1:].mean(dim=1), rtol=1e-2, atol=1e-2)


def test_a_transformer_runs_at_another_resolution_than_it_was_trained_at():
    encoder = vision("timm", checkpoint="test_vit.r160_in1k", resolution=96)
    image = encoder.preprocess(Image.new("RGB", (40, 40)))
    assert image.shape == (3, 96, 96)
    assert encoder.read(encoder.model, image[None], None).shape == (1, encoder.dimension)
    assert encoder.identity["resolution"] == 96


def test_squash_shows_the_whole_image_where_the_checkpoint_would_cut_its_sides():
    image = Image.new("RGB", (400, 200))
    image.paste((255, 255, 255), (0, 0, 40, 200))
    cut = vision("timm", checkpoint="test_vit.r160_in1k").preprocess(image)
    whole = vision("timm", checkpoint="test_vit.r160_in1k", squash=True).preprocess(image)
    assert cut.max() == cut.min()
    assert whole[:, :, 0].min() > whole[:, :, -1].max()
    assert whole.shape == cut.shape == (3, 160, 160)


# --- controls -------------------------------------------------------------------------------


def test_random_vectors_depend_on_seed_and_row_alone():
    encoder = vision("random-vectors", seed=5, dimension=6)
    whole = encoder.read(encoder.model, None, torch.arange(7))
    parts = [encoder.read(encoder.model, None, rows) for rows in torch.split(torch.arange(7), 3)]
    assert torch.equal(whole, torch.cat(parts))
    assert len(torch.unique(whole, dim=0)) == 7
    other = vision("random-vectors", seed=6, dimension=6)
    assert not torch.equal(whole, other.read(other.model, None, torch.arange(7)))


def test_random_vectors_are_standard_normal():
    encoder = vision("random-vectors", seed=1, dimension=2000)
    vectors = encoder.read(encoder.model, None, torch.arange(20))
    assert abs(vectors.mean()) < 0.03
    assert abs(vectors.std() - 1) < 0.03


def test_the_random_transformer_honours_its_seed_and_leaves_torchs_generator_alone():
    torch.manual_seed(11)
    expected = torch.rand(1)
    torch.manual_seed(11)
    first, again, other = (
        vision("random-vit", seed=seed, checkpoint="vit_b_32").model.conv_proj.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(1), expected)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_pixels_are_the_preprocessed_image_itself():
    encoder = vision("pixels", resolution=16)
    image = encoder.preprocess(Image.fromarray(np.arange(48 * 3, dtype=np.uint8).reshape(6, 8, 3)))
    images = image[None].contiguous(memory_format=torch.channels_last)
    assert torch.equal(encoder.read(encoder.model, images, None)[0], image.reshape(-1))


def test_precomputed_embeddings_have_no_model_to_run():
    with pytest.raises(BlindmatchError, match="its embeddings are the files that the dataset"):
        vision("precomputed")
    with pytest.raises(BlindmatchError, match="its embeddings are the files that the dataset"):
        language("precomputed")


def test_a_missing_seed_is_asked_for():
    with pytest.raises(BlindmatchError, match="'random-vectors' needs the option 'seed'"):
        vision("random-vectors")
