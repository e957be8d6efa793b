import numpy as np
import pytest

from blindmatch.losses import KULLBACK_LEIBLER, NEGATIVE_PRODUCT, SQUARED


@pytest.mark.parametrize("loss", [SQUARED, NEGATIVE_PRODUCT, KULLBACK_LEIBLER])
def test_the_decomposition_equals_the_loss_as_defined(loss):
    a, b = np.random.default_rng(0).uniform(0.01, 3, size=(2, 50))
    parts = loss.f1(a) + loss.f2(b) - loss.h1(a) * loss.h2(b)
    np.testing.assert_allclose(parts, loss.direct(a, b), atol=1e-12)


@pytest.mark.parametrize("loss", [SQUARED, KULLBACK_LEIBLER])
def test_equal_entries_cost_nothing(loss):
    a = np.linspace(0.1, 2, 9)
    np.testing.assert_allclose(loss.direct(a, a), 0, atol=1e-15)
    assert (loss.direct(a, a + 0.5) > 0).all()
