import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from blindmatch.alignment._losses import jensen_shannon, resemblance, siglip  # noqa: E402


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1, 1, size=shape))


def test_siglip_is_the_sum_over_entries_by_the_number_of_rows():
    similarity = random(3, 5)
    expected = 0.0
    for i in range(3):
        for j in range(5):
            sign = 1 if i == j else -1
            expected += math.log1p(math.exp(-sign * (4 * float(similarity[i, j]) - 1)))
    assert float(siglip(similarity, 4.0, -1.0)) == pytest.approx(expected / 3, rel=1e-5)


def test_siglip_has_the_positives_that_it_is_told():
    similarity, positives = random(3, 4), random(3, 4, seed=1) > 0
    signs = torch.where(positives, 1.0, -1.0)
    expected = -torch.nn.functional.logsigmoid(signs * (7 * similarity - 2)).sum() / 3
    assert float(siglip(similarity, 7.0, -2.0, positives)) == pytest.approx(float(expected))
    default = siglip(similarity, 7.0, -2.0)
    diagonal = torch.eye(3, 4, dtype=torch.bool)
    torch.testing.assert_close(siglip(similarity, 7.0, -2.0, diagonal), default)


def test_siglip_of_perfect_pairs_is_almost_nothing_and_of_mixed_ones_large():
    pairs = 2 * torch.eye(4) - 1
    assert 0 <= float(siglip(pairs, 20.0, 0.0)) < 1e-5
    assert float(siglip(pairs.flip(0), 20.0, 0.0)) > 10


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_raised_also_under_autocast(dtype):
    similarity = random(6, 6).to(dtype)
    with torch.autocast("cpu", torch.bfloat16):
        found = siglip(similarity, torch.tensor(20.0), torch.tensor(-10.0))
    assert found.dtype == torch.float32
    assert float(found) == float(siglip(similarity.float(), 20.0, -10.0))


def test_resemblance_is_of_centred_unit_rows_in_full_precision():
    rows = random(6, 4).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = resemblance(3.0 * rows, 0.5)
    unit = rows / rows.norm(dim=1, keepdim=True)
    unit -= unit.mean(dim=0)
    torch.testing.assert_close(found, unit @ unit.T / 0.5)


def test_jensen_shannon_is_that_of_scipy():
    from scipy.spatial.distance import jensenshannon

    logits, target = random(5, 8), (3 * random(5, 8, seed=1)).softmax(dim=1)
    expected = np.mean(jensenshannon(logits.softmax(dim=1).numpy(), target.numpy(), axis=1) ** 2)
    assert float(jensen_shannon(logits, target)) == pytest.approx(float(expected))


def test_jensen_shannon_lies_between_nothing_and_log_2():
    logits = random(5, 8)
    assert float(jensen_shannon(logits, logits.softmax(dim=1))) == pytest.approx(0.0, abs=1e-12)
    apart = 1e4 * torch.eye(4)
    other = torch.eye(4).flip(0)
    assert float(jensen_shannon(apart, other)) == pytest.approx(math.log(2))


def test_the_gradient_of_jensen_shannon_is_that_of_finite_differences():
    logits, target = random(5, 8).requires_grad_(), (3 * random(5, 8, seed=1)).softmax(dim=1)
    assert torch.autograd.gradcheck(lambda each: 2 * jensen_shannon(each, target), logits)


def test_jensen_shannon_is_finite_where_shares_vanish():
    logits = (1e4 * torch.eye(4)).requires_grad_()
    value = jensen_shannon(logits, torch.eye(4))
    value.backward()
    assert math.isfinite(float(value.detach()))
    assert torch.isfinite(logits.grad).all()
