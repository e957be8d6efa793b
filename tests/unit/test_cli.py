"""The command line: files in, files and a summary out, one sentence for what goes wrong."""

import csv
import signal
import subprocess
import sys

import numpy as np
import pytest

from blindmatch.cli import main
from blindmatch.cli_files import read_anchors
from blindmatch.qap import QAP
from blindmatch.solvers import solve

RNG = np.random.default_rng(0)
VISION, LANGUAGE = RNG.normal(size=(6, 4)), RNG.normal(size=(7, 5))
LANGUAGE[:6, :4] = VISION
A, B = RNG.normal(size=(6, 6)), RNG.normal(size=(8, 8))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder to work in, with the inputs in it."""
    monkeypatch.chdir(tmp_path)
    for name, array in {"A": A, "B": B, "vision": VISION, "language": LANGUAGE}.items():
        np.save(f"{name}.npy", array)
    return tmp_path


def run(*words):
    """Exit code of a command line with the exact solver, unless another is named."""
    solver = [] if "--solver" in words or words[0] == "verify" else ["--solver", "brute-force"]
    try:
        return main([str(word) for word in (*words, *solver)])
    except SystemExit as leaving:
        return leaving.code


def read(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_problem_is_solved_to_files_and_a_summary(folder, capsys):
    assert run("solve", "A.npy", "B.npy", "--output", "out/six") == 0
    best = solve(QAP(A, B), "brute-force")
    rows = read("out/six.csv")
    assert [int(row["column"]) for row in rows] == best.permutation.tolist()
    assert [int(row["row"]) for row in rows] == list(range(6))
    said = capsys.readouterr().out
    assert "matched     6 of 6 rows" in said
    assert f"cost        {best.cost:.12g}" in said
    assert "proof       yes, no matching costs less" in said
    assert "device      cpu" in said
    assert (folder / "out/six.png").read_bytes().startswith(b"\x89PNG")
    assert QAP.load("out/six.problem.npz").digest == QAP(A, B).square().digest
    names = sorted(path.name for path in (folder / "out").iterdir())
    assert names == ["six.csv", "six.png", "six.problem.npz"]


def test_everything_that_is_known_goes_into_the_problem(capsys):
    linear, forbidden = RNG.normal(size=(6, 8)), np.zeros((6, 8), dtype=bool)
    forbidden[2, :4] = True
    np.save("linear.npy", linear)
    np.save("forbidden.npy", forbidden)
    with open("pairs.csv", "w") as stream:
        stream.write("row,column\n0,7\n\n5,1,a note\n")
    given = ("--linear", "linear.npy", "--forbidden", "forbidden.npy", "--anchors", "pairs.csv")
    more = ("--unmatched", "-6", "--option", "max_size=14", "--seed", 3)
    assert run("solve", "A.npy", "B.npy", *given, *more) == 0
    problem = QAP(A, B, linear, forbidden=forbidden)
    known = {"anchors": [(0, 7), (5, 1)], "unmatched": -6.0}
    best = solve(problem, "brute-force", **known, max_size=14)
    columns = [row["column"] for row in read("matching.csv")]
    assert columns == ["" if j < 0 else str(j) for j in best.permutation]
    assert "" in columns
    assert f"cost        {best.cost:.12g}" in capsys.readouterr().out


def test_embeddings_are_matched_and_named(folder, capsys):
    (folder / "v.txt").write_text("".join(f"image {i}\n" for i in range(6)))
    (folder / "l.txt").write_text("".join(f"wörd {i}\n" for i in range(7)), encoding="utf-8")
    names = ("--vision-names", "v.txt", "--language-names", "l.txt")
    assert run("match", "vision.npy", "language.npy", "--metric", "inner-product", *names) == 0
    rows = read("matching.csv")
    assert rows[2]["row_name"] == "image 2"
    assert all(row["column_name"] == f"wörd {row['column']}" for row in rows)
    assert "inner-product -" in capsys.readouterr().out


def test_options_of_a_metric_reach_it(capsys):
    assert run("match", "vision.npy", "language.npy", "--metric", "mutual-knn") == 1
    assert "k: expected 1 ... 5 neighbours among 6, found 10" in capsys.readouterr().err
    knn = ("--metric", "mutual-knn", "--metric-option", "k=2")
    assert run("match", "vision.npy", "language.npy", *knn) == 0


def test_a_problem_file_is_enough(folder, capsys):
    (folder / "toy.dat").write_text("3\n0 1 2 1 0 3 2 3 0\n0 5 6 5 0 7 6 7 0")
    assert run("solve", "toy.dat") == 0
    assert run("solve", "matching.problem.npz", "--output", "again") == 0
    assert read("matching.csv") == read("again.csv")


def test_a_certificate_is_written_and_checked_against_its_problem(capsys):
    made = ("--solver", "hahn-grant", "--certificate", "proof.npz", "--unmatched", 0.2)
    assert run("match", "vision.npy", "language.npy", *made) == 0
    assert run("verify", "proof.npz", "--problem", "matching.problem.npz") == 0
    assert "valid       yes" in capsys.readouterr().out


def test_the_proof_of_another_problem_is_refused(capsys):
    proof = solve(QAP(A, B), "hahn-grant").certificate
    proof.save("proof.npz")
    assert run("verify", "proof.npz", "--problem", "A.npy", "B.npy") == 0
    said = capsys.readouterr().out
    assert f"bound       {proof.bound!r}, no matching costs less" in said
    assert "valid       yes (steps checked: " in said
    assert run("verify", "proof.npz", "--problem", "B.npy", "B.npy") == 1
    assert "certificate: made for problem" in capsys.readouterr().err


def test_a_solver_without_proofs_writes_no_certificate(folder, capsys):
    made = ("--solver", "random", "--certificate", "proof.npz")
    assert run("solve", "A.npy", "B.npy", *made) == 1
    assert "--certificate: expected a solver that proves its bound" in capsys.readouterr().err
    assert not (folder / "proof.npz").exists()
    assert len(read("matching.csv")) == 6


def test_without_matplotlib_the_picture_is_left_out_aloud(folder, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for name in [name for name in sys.modules if name.startswith("blindmatch.plotting")]:
        monkeypatch.delitem(sys.modules, name)
    assert run("solve", "A.npy", "B.npy") == 0
    assert "picture left out: matplotlib is missing; pip install" in capsys.readouterr().err
    assert not (folder / "matching.png").exists()


def test_where_no_row_is_matched_there_is_no_picture(folder, capsys):
    assert run("solve", "A.npy", "B.npy", "--unmatched", "-99", "--option", "max_size=14") == 0
    assert {row["column"] for row in read("matching.csv")} == {""}
    assert "picture left out: no row is matched" in capsys.readouterr().err


def test_ctrl_c_writes_the_best_found(monkeypatch, capsys):
    monkeypatch.setattr("blindmatch.progress.Ticker.__init__.__defaults__", (0.0,))
    np.save("A.npy", RNG.normal(size=(14, 14)))
    np.save("B.npy", RNG.normal(size=(14, 14)))

    def press(sentence):
        if "nodes" in sentence:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("blindmatch.cli.say", press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert run("solve", "A.npy", "B.npy", "--option", "max_size=14") == 130
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(read("matching.csv")) == 14
    assert "ended by    interrupted" in capsys.readouterr().out


def test_ctrl_c_before_the_search_is_no_traceback(monkeypatch, capsys):
    def press(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("blindmatch.cli.solve", press)
    assert run("solve", "A.npy", "B.npy") == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["solve", "B.npy", "A.npy"], "B: expected at least 8 items as A, found 6; exchange"),
        (["solve", "A.npy", "none.npy"], "none.npy: cannot be read (No such file or directory)"),
        (["solve", "A.npy", "text.npy"], "text.npy: not a readable .npy file"),
        (["solve", "A.npy", "some.npz"], "some.npz: expected one array as .npy, found an archive"),
        (["solve", "A.npy", "B.npy", "A.npy"], "expected one file or two, found 3"),
        (["solve", "some.npz", "--linear", "A.npy"], "expected A.npy and B.npy with --linear"),
        (["solve", "A.npy"], "A.npy: expected a problem as .npz or .dat"),
        (["solve", "A.npy", "B.npy", "--anchors", "text.npy"], "found 'not numbers' in line 1"),
        (
            ["solve", "A.npy", "B.npy", "--anchors", "A.npy"],
            "A.npy: not a readable text file",
        ),
        (["solve", "A.npy", "B.npy", "--anchors", "twice.csv"], "found column 1 in 2 pairs"),
        (["solve", "A.npy", "B.npy", "--solver", "tabuu"], "unknown solver 'tabuu' (did you mean"),
        (["solve", "A.npy", "B.npy", "--option", "max_siz=3"], "did you mean 'max_size'?"),
        (["solve", "A.npy", "B.npy", "--option", "max_size"], "expected name=value, found 'max_"),
        (["solve", "A.npy", "B.npy", "--option", "max_size=many"], "option max_size='many'"),
        (["solve", "A.npy", "B.npy", "--device", "cuda"], "has no option 'device'"),
        (["solve", "A.npy", "B.npy", "--threads", "2"], "has no option 'threads'"),
        (["solve", "A.npy", "B.npy", "--time-limit", "-1"], "time_limit: expected a number of at"),
        (["solve", "A.npy", "B.npy", "--seed", "x"], "invalid int value: 'x'; see blindmatch sol"),
        (["solve", "A.npy", "B.npy", "--output", "A.npy/x"], "cannot be written"),
        (["match", "language.npy", "vision.npy"], "language: expected at least 7 items as vision"),
        (["match", "vision.npy", "language.npy", "--metric", "gww"], "unknown metric 'gww' (did"),
        (
            ["match", "vision.npy", "language.npy", "--vision-names", "twice.csv"],
            "expected 6 names",
        ),
        (["verify", "A.npy", "--problem", "A.npy", "B.npy"], "A.npy: not a readable certificate"),
    ],
)
def test_what_a_user_can_mend_is_one_sentence(folder, words, message, capsys):
    (folder / "text.npy").write_text("not numbers\n")
    (folder / "twice.csv").write_text("0,1\n2,1\n")
    np.savez("some.npz", A=A, B=B)
    before = sorted(folder.iterdir())
    assert run(*words) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("error: ")
    assert message in said[-1]
    left = {path.name for path in set(folder.iterdir()) - set(before)}
    assert left <= {"matching.problem.npz"}


def test_a_time_limit_of_zero_is_a_matching_at_once(capsys):
    assert run("solve", "A.npy", "B.npy", "--time-limit", "0") == 0
    assert "ended by    time limit" in capsys.readouterr().out
    assert len(read("matching.csv")) == 6


def test_a_matching_can_be_read_as_anchors():
    assert run("solve", "A.npy", "B.npy") == 0
    columns = solve(QAP(A, B), "brute-force").permutation.tolist()
    assert read_anchors("matching.csv") == list(enumerate(columns))


def test_the_command_is_there_and_light():
    code = (
        "import sys, blindmatch.cli as c; c._parser();"
        "assert not {'numba', 'torch', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
