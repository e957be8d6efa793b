"""The user's own embeddings, in every format."""

import numpy as np
import pytest

from blindmatch.datasets import open_dataset
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings
from tests.datafiles import write_embeddings

SUFFIXES = [".npy", ".npz", ".h5", ".parquet"]
NAMES = ["cat", "dog", "fox"]
ROW_LABELS = ["dog", "cat", "fox", "cat", "dog"]


def rows(count, dimension=4, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def dataset(vision, language, **settings):
    files = {"my-vision": str(vision), "my-language": str(language)}
    return open_dataset(
        "mine", DatasetSettings(loader="embeddings", embeddings=files, **settings), "unused"
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_labels_row_i_is_class_i(suffix, tmp_path):
    vision = write_embeddings(tmp_path / f"vision{suffix}", rows(3))
    language = write_embeddings(tmp_path / f"language{suffix}", rows(3, 6, seed=1))
    mine = dataset(vision, language, paired=False)
    assert mine.index().labels.tolist() == [0, 1, 2]
    assert mine.index().class_names == ["0", "1", "2"]
    np.testing.assert_array_equal(mine.embeddings("my-vision"), rows(3))
    np.testing.assert_array_equal(mine.embeddings("my-language"), rows(3, 6, seed=1))
    assert mine.embeddings("my-vision").dtype == np.float32


@pytest.mark.parametrize("suffix", [".npz", ".h5", ".parquet"])
def test_labels_may_lie_inside_of_the_files(suffix, tmp_path):
    vision = write_embeddings(tmp_path / f"vision{suffix}", rows(5), ROW_LABELS)
    language = write_embeddings(tmp_path / f"language{suffix}", rows(3, 6), ["fox", "cat", "dog"])
    mine = dataset(vision, language)
    assert mine.index().class_names == NAMES
    assert mine.index().labels.tolist() == [1, 0, 2, 0, 1]
    np.testing.assert_array_equal(mine.embeddings("my-vision"), rows(5))
    np.testing.assert_array_equal(mine.embeddings("my-language"), rows(3, 6)[[1, 2, 0]])


def test_labelled_rows_of_both_sides_may_be_in_any_order(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npz", rows(3), ["dog", "fox", "cat"])
    language = write_embeddings(tmp_path / "language.npz", rows(3), ["fox", "cat", "dog"])
    for mine in (dataset(vision, language), dataset(vision, language, class_names=NAMES)):
        assert mine.index().labels.tolist() == [0, 1, 2]
        assert mine.index().class_names == NAMES
        np.testing.assert_array_equal(mine.embeddings("my-vision"), rows(3)[[2, 0, 1]])
        np.testing.assert_array_equal(mine.embeddings("my-language"), rows(3)[[1, 2, 0]])


def test_two_orders_of_one_row_per_class_are_refused(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3))
    language = write_embeddings(tmp_path / "language.npz", rows(3), ["dog", "fox", "cat"])
    (tmp_path / "labels.txt").write_text("dog\nfox\ncat")
    mine = dataset(vision, language, labels=str(tmp_path / "labels.txt"))
    refused("language.npz: holds labels, and so does datasets.mine.labels", mine)


def test_unlabelled_rows_keep_their_order_whatever_the_classes_are_called(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3))
    mine = dataset(vision, vision, class_names=["1", "0", "2"])
    assert mine.index().labels.tolist() == [0, 1, 2]
    assert mine.index().class_names == ["1", "0", "2"]


@pytest.mark.parametrize("suffix", [".npy", ".txt", ".csv"])
@pytest.mark.parametrize("numbers", [False, True])
def test_labels_may_lie_in_a_file_of_their_own(suffix, numbers, tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(5))
    language = write_embeddings(tmp_path / "language.npy", rows(3))
    labels = [NAMES.index(name) for name in ROW_LABELS] if numbers else ROW_LABELS
    path = tmp_path / f"labels{suffix}"
    match suffix:
        case ".npy":
            np.save(path, np.array(labels))
        case ".txt":
            path.write_text("".join(f"{label}\n" for label in labels))
        case ".csv":
            path.write_text("image,label\n" + "".join(f"x.png,{label}\n" for label in labels))
    for names in (NAMES, None):
        index = dataset(vision, language, labels=str(path), class_names=names).index()
        assert index.labels.tolist() == [1, 0, 2, 0, 1]
        assert index.class_names == (["0", "1", "2"] if numbers and names is None else NAMES)


def test_a_csv_of_one_column_needs_no_header(tmp_path):
    (tmp_path / "labels.csv").write_text("\n".join(ROW_LABELS))
    vision = write_embeddings(tmp_path / "vision.npy", rows(5))
    mine = dataset(vision, vision, labels=str(tmp_path / "labels.csv"))
    assert mine.index().labels.tolist() == [1, 0, 2, 0, 1]


def test_numeric_columns_of_a_table_are_an_embedding(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {f"d{column}": values for column, values in enumerate(rows(3).T)}
    table = pa.table({"id": ["x", "y", "z"], **columns, "label": [2, 0, 1]})
    pq.write_table(table, tmp_path / "vision.parquet")
    mine = dataset(tmp_path / "vision.parquet", tmp_path / "vision.parquet")
    np.testing.assert_array_equal(mine.embeddings("my-vision"), rows(3)[[1, 2, 0]])


def test_half_precision_is_widened(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3).astype(np.float16))
    assert dataset(vision, vision).embeddings("my-vision").dtype == np.float32


def read_all(mine):
    mine.index()
    for model in mine.settings.embeddings:
        mine.embeddings(model)


def refused(message, mine):
    with pytest.raises(BlindmatchError, match=message) as caught:
        read_all(mine)
    assert "\n" not in str(caught.value)


def test_different_numbers_of_classes_are_refused(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3))
    language = write_embeddings(tmp_path / "language.npy", rows(4))
    refused(r"language.npy: has 4 rows, expected 3 \(one per class\)", dataset(vision, language))


def test_labels_must_fit_the_rows(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(6))
    language = write_embeddings(tmp_path / "language.npy", rows(3))
    (tmp_path / "labels.txt").write_text("\n".join(ROW_LABELS))
    mine = dataset(vision, language, labels=str(tmp_path / "labels.txt"))
    refused(r"vision.npy: has 6 rows, expected 5 \(one per label\) or 3", mine)
    inside = write_embeddings(tmp_path / "vision.npz", rows(6), ROW_LABELS)
    refused(r"labels of shape \(5,\) for 6 embeddings", dataset(inside, language))


def test_vision_files_must_agree_about_their_labels(tmp_path):
    one = write_embeddings(tmp_path / "one.npz", rows(5), ROW_LABELS)
    two = write_embeddings(tmp_path / "two.npz", rows(5), ["fox", *ROW_LABELS[1:]])
    refused("two.npz: its labels are neither those of the vision rows nor each", dataset(one, two))


@pytest.mark.parametrize(
    ("labels", "names", "message"),
    [
        (["cat", "dog", "dgo"], ["cat", "dog"], r"'dgo' of row 2 .*did you mean 'dog'"),
        (["cat", "cat", "dog"], NAMES, "empty class 'fox'"),
        ([0, 2, 2], None, "empty class '1'"),
        ([0, 1, 7], None, "label 7 among 3 rows"),
        (["cat", "cat", "cat"], None, "at least 2 classes, found 1"),
    ],
)
def test_labels_must_make_sense(labels, names, message, tmp_path):
    vision = write_embeddings(tmp_path / "vision.npz", rows(3), labels)
    refused(message, dataset(vision, vision, class_names=names))


def test_a_class_without_rows_in_a_language_file_is_named(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npz", rows(5), ROW_LABELS)
    language = write_embeddings(tmp_path / "language.npz", rows(2), ["cat", "fox"])
    refused(
        r"language.npz: .* each of the 3 classes once: 'dog' has no row", dataset(vision, language)
    )


@pytest.mark.parametrize(
    ("bad", "message"),
    [(np.nan, "hold NaN or infinity, first in row 1"), (0.0, "all zero, first in row 1")],
)
def test_unusable_rows_are_named(bad, message, tmp_path):
    values = rows(3)
    values[1] = bad
    vision = write_embeddings(tmp_path / "vision.npy", values)
    refused(f"vision.npy: .*{message}", dataset(vision, vision))


def test_integers_are_no_embeddings(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", np.ones((3, 2), dtype=int))
    refused("expected floating point", dataset(vision, vision))


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "vision.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path = tmp_path / "vision.npy"
    refused(r"vision.npy: holds pickled Python objects", dataset(path, path))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_named(suffix, tmp_path):
    path = write_embeddings(tmp_path / f"vision{suffix}", rows(30))
    path.write_bytes(path.read_bytes()[:50])
    refused(f"vision{suffix}: not a readable ", dataset(path, path))


def test_files_of_another_layout_are_refused(tmp_path):
    np.savez(tmp_path / "vision.npz", embedding=rows(3), other=rows(3))
    path = tmp_path / "vision.npz"
    refused(r"holds 'embedding', 'other', expected 'embeddings'", dataset(path, path))
    (tmp_path / "vision.pt").write_bytes(b"")
    path = tmp_path / "vision.pt"
    refused(r"has suffix '.pt', expected one of .npy", dataset(path, path))
    refused("absent.npy: does not exist", dataset(tmp_path / "absent.npy", path))


def test_an_unknown_model_names_the_nearest(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3))
    with pytest.raises(BlindmatchError, match=r"'my-visoin' \(did you mean 'my-vision'\?\)"):
        dataset(vision, vision).embeddings("my-visoin")


def test_there_are_no_images(tmp_path):
    vision = write_embeddings(tmp_path / "vision.npy", rows(3))
    with pytest.raises(BlindmatchError, match="embeddings only"):
        dataset(vision, vision).image(0)
