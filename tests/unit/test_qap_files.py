"""Problems in files."""

import numpy as np
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.qap import QAP

I2, I3 = np.eye(2), np.eye(3)
RICH = QAP(*np.random.default_rng(0).normal(size=(2, 2, 3, 3)), I3, 0.5, np.eye(3, k=1, dtype=bool))


@pytest.mark.parametrize(
    "qap",
    [
        RICH,
        RICH.with_unmatched(1.0),
        QAP(I2, I2),
        QAP(I2, I3, constant=-1.5),
    ],
)
def test_a_saved_problem_is_loaded_whole(qap, tmp_path):
    qap.save(tmp_path / "new" / "p.npz")
    loaded = QAP.load(tmp_path / "new" / "p.npz")
    assert loaded.digest == qap.digest
    assert loaded.A.shape == qap.A.shape
    assert (loaded.linear is None, loaded.forbidden is None) == (
        qap.linear is None,
        qap.forbidden is None,
    )


def test_a_qaplib_file_is_read_with_any_white_space(tmp_path):
    (tmp_path / "toy.dat").write_text("2\n\n 0 1\r\n 2 0\n\n0 3 4\t0")
    qap = QAP.load(tmp_path / "toy.dat")
    assert (qap.A.tolist(), qap.B.tolist()) == ([[0, 1], [2, 0]], [[0, 3], [4, 0]])
    assert qap.cost(np.array([1, 0])) == 1 * 4 + 2 * 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.dat",
            b"2\n 0 1 2 0 0 3 4",
            "expected a size N .* found size 2 and 7 numbers",
        ),
        ("a.dat", b"2 0 1 2 0 0 3 4 x", "found something else"),
        ("a.dat", b"", "found something else"),
        ("a.dat", b"\xff\xfe", "not a readable text file"),
        ("a.dat", b"0", "found size 0"),
        ("a.dat", b"-1 1 2", "found size -1"),
        ("a.dat", b"9" * 4000, "found size 999"),
        ("a.dat", b"9" * 5000, "found something else"),
        ("a.dat", b"1 nan 1", "A: expected finite numbers"),
        ("a.npz", b"PK", "not a readable .npz file"),
        ("a.npz", b"", "not a readable .npz file"),
        ("a.txt", b"1 0 0", "expected a problem as .npz or .dat, found '.txt'"),
    ],
)
def test_a_file_that_is_no_problem_is_refused_by_name(name, content, words, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BlindmatchError, match=f"{name}: .*{words}"):
        QAP.load(tmp_path / name)


def test_archives_of_something_else_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", A=I2, C=I2)
    with pytest.raises(BlindmatchError, match=r"expected arrays A, B .*found A, C"):
        QAP.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", A=np.array([{}]), B=I2)
    with pytest.raises(BlindmatchError, match=r"b\.npz: 'A': holds pickled Python objects"):
        QAP.load(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", I2)
    (tmp_path / "c.npy").rename(tmp_path / "c.npz")
    with pytest.raises(BlindmatchError, match=r"c\.npz: not a readable \.npz file"):
        QAP.load(tmp_path / "c.npz")
    with pytest.raises(BlindmatchError, match=r"none\.npz: cannot be read \(No such file"):
        QAP.load(tmp_path / "none.npz")
