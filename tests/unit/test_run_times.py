"""Benchmarks in one table, and the machine beside it."""

import csv
import os
import platform
import subprocess

import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.machine import describe_machine
from blindmatch.run_times import Table, gather_run_times, write_page

TITLES = (
    *("s", "h:m:s", "max_rss", "max_vms", "max_uss", "max_pss"),
    *("io_in", "io_out", "mean_load", "cpu_time"),
)


def write_benchmark(path, seconds, *, memory="NA", read="NA", written="NA", cpu="NA"):
    """A benchmark as Snakemake writes it, of a job that was too short for a sample by default."""
    values = [seconds, "0:00:00", memory, memory, memory, memory, read, written, "NA", cpu]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join("\t".join(map(str, line)) for line in (TITLES, values)) + "\n")


def test_jobs_of_a_rule_make_one_line_and_the_longest_comes_first(tmp_path):
    write_benchmark(tmp_path / "index/birds.tsv", 0.25)
    sample = {"memory": 100.5, "read": 1.5, "written": 0.25}
    write_benchmark(tmp_path / "match/birds/gw/n4.tsv", 2.0, **sample, cpu=1.5)
    write_benchmark(tmp_path / "match/birds/gw/n5.tsv", 10.0, memory=300.0, read="-", cpu=8.0)
    write_benchmark(tmp_path / "match/fish/gw/n4.tsv", 0.1)
    write_benchmark(tmp_path / "match/fish/gw/n5.tsv", 1.0, memory=50.0, read=2.0, cpu=0.5)
    (tmp_path / "match/notes.txt").write_text("no benchmark")
    match, index = gather_run_times(tmp_path).rows
    assert match == {
        "rule": "match",
        "jobs": 4,
        "sampled": 3,
        "seconds_total": 13.1,
        "seconds_median": 1.5,
        "seconds_max": 10.0,
        "memory_mb_max": 300.0,
        "cpu_seconds": 10.0,
        "read_mb": 3.5,
        "written_mb": 0.25,
    }
    assert (index["jobs"], index["sampled"], index["seconds_total"]) == (1, 0, 0.25)
    assert index["memory_mb_max"] is index["cpu_seconds"] is index["read_mb"] is None


@pytest.mark.parametrize(
    "text", ["", "s\th:m:s\n", "a\tb\n1\t2\n", "\0", "\t".join(TITLES) + "\n1"]
)
def test_what_is_no_benchmark_is_refused_by_name(tmp_path, text):
    path = tmp_path / "match/x.tsv"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BlindmatchError, match=r"match/x\.tsv: expected a benchmark of Snakemake"):
        gather_run_times(tmp_path)


def test_tables_are_written_for_programs_and_for_the_report(tmp_path):
    table = Table(("rule", "jobs"), [{"rule": "<b>&", "jobs": None}, {"rule": "x", "jobs": 2}])
    table.write_csv(tmp_path / "x.csv")
    with open(tmp_path / "x.csv", newline="") as stream:
        assert list(csv.reader(stream)) == [["rule", "jobs"], ["<b>&", ""], ["x", "2"]]
    write_page(tmp_path / "x.html", {"Jobs & more": table, "None": Table(("a",), [])})
    page = (tmp_path / "x.html").read_text()
    assert "<h2>Jobs &amp; more</h2>" in page
    assert "<tr><td>&lt;b&gt;&amp;</td><td></td></tr>\n<tr><td>x</td><td>2</td></tr>" in page
    assert "<table>\n<tr><th>a</th></tr>\n</table>" in page


def test_the_machine_is_this_one(tmp_path):
    facts = describe_machine(tmp_path)
    assert facts["host"] == platform.node()
    assert facts["python"] == platform.python_version()
    assert facts["cores"].endswith(f" of {os.cpu_count()} usable")
    assert facts["numpy"].split()[1] == "with"
    assert facts["commit"] == "none"
    assert all(isinstance(value, str) and value for value in facts.values())


def test_the_commit_is_that_of_the_project_and_of_nothing_around_it(tmp_path):
    def git(*words):
        name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", *name, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init")
    (tmp_path / "inner").mkdir()
    file = tmp_path / "inner/file"
    file.write_text("1")
    git("add", ".")
    git("commit", "--message", "first")
    git("tag", "--annotate", "v1", "--message", "v1")
    commit = git("rev-parse", "HEAD")
    assert describe_machine(tmp_path)["commit"] == commit
    assert describe_machine(tmp_path / "inner")["commit"] == "none"
    file.write_text("2")
    assert describe_machine(tmp_path)["commit"] == f"{commit}-dirty"
