import pytest
import timm
import torch
from torch import nn

from blindmatch.models._folding import fold_batch_norms


def norms(model):
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in model.modules())


def trained(model):
    """A model whose normalisations have something to do."""
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.running_mean, -0.5, 0.5)
            nn.init.uniform_(layer.running_var, 0.5, 2.0)
    return model.eval()


@pytest.mark.parametrize("name", ["test_efficientnet", "tf_efficientnet_lite0", "resnet18"])
def test_folding_keeps_the_function_and_leaves_no_normalisation(name):
    model = trained(timm.create_model(name))
    folded = fold_batch_norms(model, 64)
    assert norms(model) > 0
    assert norms(folded) == 0
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected, found = model(images), folded(images)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


class Reordered(nn.Module):
    """Registers a normalisation behind a convolution that it does not follow."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.normalisation = nn.BatchNorm2d(3)

    def forward(self, images):
        return self.convolution(torch.relu(self.normalisation(images)))


def test_a_model_whose_layers_run_in_another_order_is_left_alone():
    model = trained(Reordered())
    assert fold_batch_norms(model, 16) is model


def test_a_transformer_is_handed_back_as_it_is():
    model = timm.create_model("test_vit").eval()
    assert fold_batch_norms(model, 160) is model
