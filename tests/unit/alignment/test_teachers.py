import numpy as np
import pytest

from blindmatch.alignment import teachers as package
from blindmatch.alignment.retrieval import recall
from blindmatch.alignment.teachers import fit_teacher, teachers
from blindmatch.errors import BlindmatchError


def correlated(pairs, vision=12, language=7, seed=0):
    """Pairs with a common part of five dimensions, around means of their own."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(pairs, 5))
    images = common @ rng.normal(size=(5, vision)) + rng.normal(size=(pairs, vision)) + 1
    texts = common @ rng.normal(size=(5, language)) + rng.normal(size=(pairs, language)) - 2
    return images.astype(np.float32), texts.astype(np.float32)


def centred(rows):
    rows = rows.astype(np.float64)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit - unit.mean(axis=0)


def same_space(first, second):
    """Whether two maps agree up to the signs of their directions."""
    return np.allclose(np.abs(first.T @ second), np.abs(first.T @ first), atol=1e-8)


@pytest.mark.parametrize("pairs", [200, 10, 6])
@pytest.mark.parametrize("ridge", [0.1, 1e-3])
def test_directions_of_cca_are_white_and_correlate_each_with_its_own(pairs, ridge):
    images, texts = correlated(pairs)
    fitted = fit_teacher(teachers.build("cca", {"ridge": ridge}), images, texts)
    x, y = centred(images), centred(texts)
    identity = np.eye(min(pairs - 1, 7))
    for rows, projection in ((x, fitted.vision_map), (y, fitted.language_map)):
        covariance = rows.T @ rows / (pairs - 1) + ridge * np.eye(rows.shape[1])
        assert np.allclose(projection.T @ covariance @ projection, identity, atol=1e-9)
    cross = fitted.vision_map.T @ (x.T @ y / (pairs - 1)) @ fitted.language_map
    correlations = np.diag(cross)
    assert np.allclose(cross, np.diag(correlations), atol=1e-9)
    assert correlations.min() > -1e-9
    assert correlations[0] > 0.01
    assert (np.diff(correlations) < 1e-9).all()


def test_no_other_directions_correlate_more_than_the_first_of_cca():
    images, texts = correlated(200)
    fitted = fit_teacher(teachers.build("cca", {"ridge": 1e-6}), images, texts)
    x, y = centred(images), centred(texts)
    rng = np.random.default_rng(1)

    def correlation(a, b):
        return abs(np.corrcoef(x @ a, y @ b)[0, 1])

    best = correlation(fitted.vision_map[:, 0], fitted.language_map[:, 0])
    for _ in range(200):
        a = fitted.vision_map[:, 0] + 0.1 * rng.normal(size=12)
        b = fitted.language_map[:, 0] + 0.1 * rng.normal(size=7)
        assert correlation(a, b) < best


def test_maps_of_procrustes_are_orthonormal_and_diagonalise_the_cross_covariance():
    images, texts = correlated(50)
    fitted = fit_teacher(teachers.build("procrustes", {"dimension": 4}), images, texts)
    for projection in (fitted.vision_map, fitted.language_map):
        assert np.allclose(projection.T @ projection, np.eye(4))
    cross = fitted.vision_map.T @ centred(images).T @ centred(texts) @ fitted.language_map
    strengths = np.diag(cross)
    assert np.allclose(cross, np.diag(strengths))
    assert (np.diff(strengths) <= 0).all()
    assert np.allclose(
        strengths, np.linalg.svd(centred(images).T @ centred(texts))[1][:4], rtol=1e-6
    )


@pytest.mark.parametrize("pairs", [60, 10])
@pytest.mark.parametrize("slug", ["procrustes", "cca"])
def test_a_planted_rotation_is_recovered(slug, pairs):
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    rows = rng.normal(size=(pairs, 16)) + 1
    fitted = fit_teacher(teachers.build(slug, {}), rows, rows @ rotation)
    unseen = rng.normal(size=(30, 16)) + 1
    assert np.allclose(fitted.images(unseen), fitted.texts(unseen @ rotation), atol=1e-5)
    if slug == "procrustes" and pairs > 16:
        assert np.allclose(fitted.vision_map @ fitted.language_map.T, rotation)


@pytest.mark.parametrize("shape", [(20, 8), (8, 20), (20, 20), (8, 8)])
@pytest.mark.parametrize("slug", ["procrustes", "cca"])
def test_the_span_of_the_pairs_gives_what_the_whole_space_gives(slug, shape, monkeypatch):
    images, texts = correlated(12, *shape)
    in_span = fit_teacher(teachers.build(slug, {}), images, texts)
    home = type(teachers.build(slug, {})).__module__
    monkeypatch.setattr(f"{home}.solve_in_span", lambda x, y, solve: solve(x, y))
    whole = fit_teacher(teachers.build(slug, {}), images, texts)
    assert in_span.vision_map.shape == whole.vision_map.shape
    assert same_space(whole.vision_map, in_span.vision_map)
    assert same_space(whole.language_map, in_span.language_map)


def test_a_large_ridge_is_procrustes():
    images, texts = correlated(100)
    ridged = fit_teacher(teachers.build("cca", {"ridge": 1e6}), images, texts)
    plain = fit_teacher(teachers.build("procrustes", {}), images, texts)
    assert np.allclose(
        ridged.images(images) @ ridged.texts(texts).T,
        plain.images(images) @ plain.texts(texts).T,
        atol=1e-4,
    )


def test_too_small_a_ridge_remembers_few_pairs_and_finds_nothing_else():
    images, texts = correlated(240, 60, 50)
    labels = np.arange(200)

    def recalls(ridge):
        fitted = fit_teacher(teachers.build("cca", {"ridge": ridge}), images[:40], texts[:40])
        return [
            recall(fitted.images(images[rows]), fitted.texts(texts[rows]), of, of)["mean_r5"]
            for rows, of in ((slice(40), labels[:40]), (slice(40, None), labels))
        ]

    seen, unseen = recalls(1e-8)
    assert seen == 1
    assert recalls(0.1)[1] > 2 * unseen


def test_without_a_ridge_directions_that_do_not_vary_stay_finite():
    images, texts = correlated(50)
    images[:, 3] = images[:, 4]
    fitted = fit_teacher(teachers.build("cca", {"ridge": 0.0}), images, texts)
    assert np.isfinite(fitted.images(images)).all()


def test_the_means_are_those_of_the_pairs_unit_rows():
    images, texts = correlated(30)
    fitted = fit_teacher(teachers.build("procrustes", {}), images, texts)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    assert np.allclose(fitted.vision_mean, unit.mean(axis=0), atol=1e-7)
    projected = (unit[:5] - unit.mean(axis=0)) @ fitted.vision_map
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    assert np.allclose(fitted.images(images[:5]), projected, atol=1e-5)


def test_rows_are_projected_piece_by_piece(monkeypatch):
    images, texts = correlated(30)
    fitted = fit_teacher(teachers.build("procrustes", {}), images, texts)
    whole = fitted.images(images)
    monkeypatch.setattr(package, "_CHUNK", 7)
    assert np.allclose(fitted.images(images), whole, atol=1e-6)


def test_training_finds_partners_and_depends_on_its_seed():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 5))
    images, texts = points @ rng.normal(size=(5, 12)), points @ rng.normal(size=(5, 7))
    labels = np.arange(60)

    def fitted(steps, seed=0, **options):
        options = {"steps": steps, "learning_rate": 1e-3, **options}
        teacher = teachers.build("contrastive", options)
        return fit_teacher(teacher, images, texts, seed=seed)

    def found(teacher):
        return recall(teacher.images(images), teacher.texts(texts), labels, labels)["mean_r5"]

    start, end = fitted(1), fitted(100)
    assert found(start) < 0.4
    assert found(end) > 0.8
    assert found(fitted(100, pairs_per_step=20)) > 0.8
    assert not np.array_equal(start.vision_map, fitted(1, seed=1).vision_map)
    assert fitted(1, dimension=3).language_map.shape == (7, 3)


@pytest.mark.parametrize("slug", ["procrustes", "cca"])
@pytest.mark.parametrize(("pairs", "most"), [(5, 4), (30, 7)])
def test_a_dimension_that_the_pairs_do_not_determine_is_refused(slug, pairs, most):
    assert fit_teacher(teachers.build(slug, {}), *correlated(pairs)).vision_map.shape == (12, most)
    message = rf"dimension: expected 1 \.\.\. {most} for {pairs} pairs of 12 and 7 dimensions"
    for dimension in (0, most + 1):
        with pytest.raises(BlindmatchError, match=message):
            fit_teacher(teachers.build(slug, {"dimension": dimension}), *correlated(pairs))


@pytest.mark.parametrize(
    ("slug", "options", "message"),
    [
        ("cca", {"ridge": -0.1}, "ridge: expected a number >= 0, found -0.1"),
        ("cca", {"ridge": float("nan")}, "ridge: expected a number >= 0, found nan"),
        ("contrastive", {"steps": 0}, "steps: expected a number > 0, found 0"),
        ("contrastive", {"learning_rate": -1.0}, "learning_rate: expected a number > 0"),
        ("contrastive", {"dimension": 0}, "dimension: expected a number > 0, found 0"),
    ],
)
def test_options_out_of_range_are_refused(slug, options, message):
    with pytest.raises(BlindmatchError, match=message):
        fit_teacher(teachers.build(slug, options), *correlated(20))
