"""What every registered clustering must do; a new one is tested by being registered."""

import dataclasses

import numpy as np
import pytest

from blindmatch.clusterings import clusterings, find_clusters
from blindmatch.errors import BlindmatchError
from blindmatch.registry import absent

pytestmark = pytest.mark.parametrize("slug", sorted(clusterings))


def blobs(clusters=3, rows=30, dimension=8):
    """Embeddings around random directions of different lengths, and which row belongs where."""
    rng = np.random.default_rng(0)
    centres = np.linspace(1, 3, clusters)[:, None] * rng.normal(size=(clusters, dimension))
    truth = rng.permutation(np.repeat(np.arange(clusters), rows))
    noise = 0.02 * rng.normal(size=(len(truth), dimension))
    return (centres[truth] + noise).astype(np.float32), truth


def build(slug):
    """With its default options, unless its packages are absent."""
    lacking = absent(clusterings[slug])
    if lacking:
        pytest.skip(lacking)
    return clusterings.build(slug, {})


def test_clear_clusters_are_found_and_found_again(slug):
    clustering = build(slug)
    embeddings, truth = blobs()
    before = embeddings.copy()
    first, second = (find_clusters(clustering, embeddings, 3, seed=2**32 - 2) for _ in range(2))
    assert first.dtype == np.int32
    assert len({(cluster, label) for cluster, label in zip(first, truth, strict=True)}) == 3
    assert sorted(set(first)) == [0, 1, 2]
    assert np.array_equal(first, second)
    assert np.array_equal(embeddings, before)


@pytest.mark.parametrize("clusters", [1, 4, 5])
def test_clusters_of_single_embeddings_are_refused(slug, clusters):
    message = rf"clusters: expected 2 \.\.\. 3 for 4 embeddings, found {clusters}"
    with pytest.raises(BlindmatchError, match=message):
        find_clusters(build(slug), blobs(2, 2)[0], clusters, seed=0)


def test_options_are_plain_values(slug):
    for field in dataclasses.fields(clusterings[slug]):
        assert isinstance(field.default, bool | int | float | str)


def test_what_it_needs_is_told_by_its_name_for_pip(slug):
    for module, package in clusterings[slug].requires.items():
        assert module.isidentifier()
        assert package
