import numpy as np
import pytest
from matplotlib.figure import Figure

from blindmatch.errors import BlindmatchError
from blindmatch.plotting.alignment import draw_alignment

RNG = np.random.default_rng(0)
VISION = (lambda X: X + X.T)(RNG.normal(size=(6, 6)))
ORDER = np.array([4, 0, 7, 2, 5, 1])
LANGUAGE = np.zeros((8, 8))
LANGUAGE[np.ix_(ORDER, ORDER)] = VISION - 1.0
NAMES = [f"image {i}" for i in range(6)], [f"word {j}" for j in range(8)]


@pytest.fixture
def drawn(monkeypatch):
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def panels(figure):
    return [axes.images[0].get_array() for axes in figure.axes[:3]]


def test_both_kernels_stand_in_one_order(drawn, tmp_path):
    draw_alignment(VISION, LANGUAGE, ORDER, [tmp_path / "a.png"], title="cost 3", names=NAMES)
    vision, language, difference = panels(drawn[0])
    assert np.allclose(vision - language, 1.0)
    assert np.allclose(difference, 1.0)
    rows, columns = (
        [int(text.get_text().split()[1]) for text in axes.get_yticklabels()]
        for axes in drawn[0].axes[:2]
    )
    assert sorted(rows) == list(range(6))
    assert columns == ORDER[rows].tolist()
    assert np.array_equal(vision, VISION[np.ix_(rows, rows)])


def test_the_figure_says_what_it_shows(drawn, tmp_path):
    partial = np.where(np.arange(6) == 2, -1, ORDER)
    looks = {"title": "cost 3", "labels": ("A", "B"), "product": True}
    draw_alignment(VISION, LANGUAGE, partial, [tmp_path / "a.png"], **looks)
    assert "cost 3; n = 5 of 6 matched" in drawn[0].get_suptitle()
    assert [axes.get_title() for axes in drawn[0].axes[:3]] == ["A", "B, matched order", "A × B"]
    vision, language, product = panels(drawn[0])
    assert np.allclose(product, vision * language)
    assert len(vision) == 5


@pytest.mark.parametrize("size", [1, 2, 30])
def test_any_size_can_be_drawn_and_is_drawn_alike_each_time(size, tmp_path):
    kernel, names = np.ones((size, size)), [str(i) for i in range(size)]
    for name in ("a.png", "b.png"):
        looks = {"title": "constant", "names": (names, names)}
        draw_alignment(kernel, kernel, np.arange(size), [tmp_path / name], **looks)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_nothing_matched_cannot_be_drawn(tmp_path):
    with pytest.raises(BlindmatchError, match="expected matched rows"):
        draw_alignment(VISION, VISION, np.full(6, -1), [tmp_path / "a.png"], title="nothing")
