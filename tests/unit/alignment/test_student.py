import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from blindmatch.alignment._student import Layer, Student, imitate, standardise  # noqa: E402


def rows(count=7, dimension=5, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dimension))).float()


def test_a_layer_is_layer_norm_a_linear_map_and_unit_length():
    layer = Layer(5, 3, torch.Generator().manual_seed(1))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.add_(torch.randn(parameter.shape))
    norm, linear = torch.nn.LayerNorm(5), torch.nn.Linear(5, 3)
    norm.load_state_dict({"weight": layer.gain, "bias": layer.shift})
    linear.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    expected = torch.nn.functional.normalize(linear(norm(rows())), dim=1)
    torch.testing.assert_close(layer(standardise(rows())), expected)


def test_gradients_are_those_of_layer_norm_and_a_linear_map():
    layer = Layer(5, 3, torch.Generator().manual_seed(1))
    norm, linear = torch.nn.LayerNorm(5), torch.nn.Linear(5, 3)
    linear.load_state_dict({"weight": layer.weight, "bias": layer.bias})
    towards = rows(7, 3, seed=2)
    (layer(standardise(rows())) * towards).sum().backward()
    (torch.nn.functional.normalize(linear(norm(rows())), dim=1) * towards).sum().backward()
    for ours, theirs in (
        (layer.gain, norm.weight),
        (layer.shift, norm.bias),
        (layer.weight, linear.weight),
        (layer.bias, linear.bias),
    ):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=1e-4)


def test_a_student_starts_with_the_scalars_of_the_paper_and_weights_of_its_seed():
    student = Student(5, 4, 3, seed=7)
    assert float(student.scale.detach()) == pytest.approx(20.0)
    assert float(student.bias.detach()) == -10.0
    assert not student.vision.bias.any()
    assert float(student.vision.weight.detach().abs().max()) <= math.sqrt(6 / (5 + 3))
    before = torch.random.get_rng_state()
    again, other = Student(5, 4, 3, seed=7), Student(5, 4, 3, seed=8)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(student.language.weight, again.language.weight)
    assert not torch.equal(student.language.weight, other.language.weight)
    assert not torch.equal(student.vision.weight[:, :4], student.language.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_rows_of_any_precision_become_unit_rows_in_float32(dtype):
    found = Student(5, 4, 3).images(rows().to(dtype))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.norm(dim=1), torch.ones(7))
    torch.testing.assert_close(found, Student(5, 4, 3).images(rows()), atol=0.05, rtol=0.1)


def test_a_constant_row_stays_finite():
    assert torch.isfinite(Student(5, 4, 3).images(torch.ones(2, 5))).all()


@pytest.mark.parametrize(("directions", "dimension"), [(3, 3), (4, 3), (2, 3)])
def test_a_layer_imitates_a_linear_map_of_centred_rows(directions, dimension):
    from torch.nn.functional import normalize

    embeddings = rows(50, 6)
    embeddings = embeddings - embeddings.mean(dim=1, keepdim=True)  # LayerNorm only scales them
    linear = np.random.default_rng(3).normal(size=(6, directions))
    layer = Layer(6, dimension, torch.Generator().manual_seed(0))
    length = float(layer.weight.detach().norm())
    imitate(layer, embeddings, linear)
    assert float(layer.weight.detach().norm()) == pytest.approx(length, rel=1e-5)
    unit = normalize(embeddings, dim=1)
    kept = torch.from_numpy(linear[:, :dimension]).float()
    expected = normalize((unit - unit.mean(dim=0)) @ kept, dim=1)
    found = layer(standardise(embeddings)).detach()
    torch.testing.assert_close(found[:, : kept.shape[1]], expected, atol=1e-4, rtol=1e-3)
    assert not found[:, kept.shape[1] :].any()
