import numpy as np
import pytest

from blindmatch.clusterings import clusterings, find_clusters
from blindmatch.errors import BlindmatchError

pytest.importorskip("sklearn")


def rays():
    """Two directions; along each, short vectors and long ones."""
    lengths = np.tile([1.0, 20.0], 20)[:, None]
    directions = np.repeat([[1.0, 0.0], [0.8, 0.6]], 20, axis=0)
    noise = 0.001 * np.random.default_rng(0).normal(size=(40, 2))
    return (lengths * (directions + noise)).astype(np.float32)


def cut(assignment):
    """Which rows share the cluster of the first."""
    return (assignment == assignment[0]).tolist()


def test_lengths_count_unless_embeddings_are_normalised():
    raw = find_clusters(clusterings.build("k-means", {"starts": 5}), rays(), 2, seed=0)
    angles = clusterings.build("k-means", {"starts": 5, "normalised": True})
    assert cut(raw) == [row % 2 == 0 for row in range(40)]
    assert cut(find_clusters(angles, rays(), 2, seed=0)) == [row < 20 for row in range(40)]


def test_more_starts_are_never_worse():
    points = np.random.default_rng(3).normal(size=(60, 2))

    def spread(starts):
        found = find_clusters(clusterings.build("k-means", {"starts": starts}), points, 12, seed=1)
        means = np.stack([points[found == cluster].mean(axis=0) for cluster in range(12)])
        return np.sum((points - means[found]) ** 2)

    assert spread(30) < spread(1)


def test_spectral_clusters_follow_curves_that_k_means_cuts():
    turn = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    flat = np.concatenate([np.stack([np.cos(turn), np.sin(turn)], 1) * r for r in (0.2, 1.0)])
    points = np.concatenate([flat, np.full((120, 1), 3.0)], axis=1)
    ring = [row < 60 for row in range(120)]
    spectral = clusterings.build("spectral", {"neighbours": 5})
    assert cut(find_clusters(spectral, points, 2, seed=0)) == ring
    assert cut(find_clusters(clusterings.build("k-means", {}), points, 2, seed=0)) != ring


def test_more_neighbours_than_embeddings_are_refused():
    with pytest.raises(BlindmatchError, match=r"neighbours: expected 2 ... 6 .*found 10"):
        find_clusters(clusterings.build("spectral", {}), rays()[:6], 2, seed=0)


def test_a_cluster_that_stays_empty_is_an_error():
    same = np.tile([[1.0, 0.0], [0.0, 1.0]], (5, 1))
    with pytest.raises(BlindmatchError, match="expected 3 clusters of 10 embeddings, found 2"):
        find_clusters(clusterings.build("k-means", {"starts": 2}), same, 3, seed=0)


def test_an_absent_package_is_told_with_its_cure(monkeypatch):
    monkeypatch.setattr(clusterings["spectral"], "requires", {"no_such": "'blindmatch[cluster]'"})
    with pytest.raises(BlindmatchError, match=r"Spectral: no_such is not .*blindmatch\[cluster\]"):
        find_clusters(clusterings.build("spectral", {}), rays(), 2, seed=0)
