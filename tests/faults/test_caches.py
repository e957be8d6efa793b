"""Results that were damaged or mixed up: refused by name, and mended as the sentence says."""

import os
import re
import shlex
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pyarrow.parquet
import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.storage import read_cache, read_table, write_cache
from tests.faults.study import copied, results

RESULTS = "results"
INDEX = "datasets/birds/index.h5"
CLASSES = "datasets/birds/classes.h5"
DRAWS = "datasets/birds/draws.h5"
NEAR = "embeddings/birds/vision/near.h5"
FAR = "embeddings/birds/vision/far.h5"
WORDS = "embeddings/birds/language/words.h5"
NEAR_KERNEL = "kernels/birds/euclidean/vision/near.h5"
WORDS_KERNEL = "kernels/birds/euclidean/language/words.h5"
SUBSETS = "subsets/birds/gw/oracle/near/words/n5.h5"
CLUSTERS = "clusters/birds/means/near.h5"
MATCHING = "matchings/birds/gw/oracle/exact/near/words/n5.parquet"
MATCHINGS = "matchings/birds/exact/near/words/all.parquet"
SHUFFLES = "shuffles/birds/near/words.parquet"
RATIOS = "ratios/birds/near/far.parquet"
CLASSIFICATION = "classifications/birds/gw/means/exact/near/words.parquet"
ABLATION = "ablations/inner-product/exact/d16/n5.parquet"
PHASE = "phases/gw/exact/d3/n4/noise20.parquet"
STEPS = "aggregates/ablations/steps.parquet"
PLANTED = "aggregates/phases/planted.parquet"
FIGURES = ("figures/phase.pdf", "figures/phase.png", "tables/phase.csv", "tables/phase.tex")


def flip(at):
    """A damage: one bit of the byte at a share of the file."""

    def damage(path):
        content = bytearray(path.read_bytes())
        content[int(at * (len(content) - 1))] ^= 0x10
        path.write_bytes(content)

    return damage


def flip_attribute(path):
    content = path.read_bytes()
    assert b"means" in content
    path.write_bytes(content.replace(b"means", b"meanr", 1))


def truncate(path):
    os.truncate(path, path.stat().st_size // 2)


def empty(path):
    os.truncate(path, 0)


def folder(path):
    path.unlink()
    path.mkdir()


def loop(path):
    path.unlink()
    path.symlink_to(path.name)


def replace_by(other):
    """A damage: the whole result of something else, given from the folder of the project."""

    def damage(path):
        root = Path(str(path).rpartition(f"/{RESULTS}/")[0])
        shutil.copy2(root / RESULTS / other, path)

    return damage


ADVICE = re.compile(r"^error: (results/\S+): .+; delete it \((.+)\) and run again$", re.MULTILINE)


def of_another(**attributes):
    """A damage: a whole cache of its kind that was made for something else."""

    def damage(path):
        kind = path.read_bytes().split()[1].decode()
        cache = read_cache(path, kind)
        write_cache(path, kind, cache.arrays, {**cache.attributes, **attributes})

    return damage


DAMAGES = [truncate, empty, folder, loop, flip(0), flip(0.01), flip(0.3), flip(0.7), flip(1)]


#: Damaged result -> how, and the results whose jobs are to find that out. Those are found at once;
#: what a job reads after a damaged file, it meets when it runs again.
STORIES = {
    "data": {
        INDEX: (truncate, [SHUFFLES]),
        CLASSES: (flip(0.01), [WORDS_KERNEL]),
        FAR: (replace_by(NEAR), [RATIOS]),
    },
    "halves": {
        DRAWS: (replace_by(INDEX), [CLASSIFICATION]),
        WORDS: (flip(1), [SHUFFLES]),
        SUBSETS: (loop, [MATCHING]),
        PLANTED: (truncate, FIGURES),
    },
    "others": {
        WORDS: (of_another(rows_digest="0" * 64), [SHUFFLES]),
        CLUSTERS: (of_another(model="far"), [CLASSIFICATION]),
        SUBSETS: (of_another(size="4"), [MATCHING]),
        PLANTED: (replace_by(STEPS), FIGURES),
    },
    "kernels": {
        NEAR_KERNEL: (of_another(model="far"), [MATCHINGS]),
        WORDS_KERNEL: (folder, [MATCHINGS]),
        CLUSTERS: (flip_attribute, [CLASSIFICATION]),
        ABLATION: (flip(0.9), [STEPS]),
        PHASE: (replace_by(ABLATION), [PLANTED]),
    },
}


@pytest.mark.parametrize("story", STORIES)
def test_the_workflow_names_what_is_damaged_and_is_mended_as_it_says(story, whole, tmp_path):
    project, (*_, option, study) = copied(whole[0], tmp_path), whole[1]
    targets = {
        f"{RESULTS}/{result}" for _, found_by in STORIES[story].values() for result in found_by
    }
    call = (*sorted(targets), option, study)
    for name, (damage, _) in STORIES[story].items():
        spoil(tmp_path / RESULTS / name, damage)
    for target in targets:
        (tmp_path / target).unlink(missing_ok=True)
    named = set()
    while (done := project.snakemake(*call, "--keep-going")).returncode:
        assert "Traceback" not in done.stdout
        advised = set(ADVICE.findall(done.stdout))
        assert advised, done.stdout
        for path, command in advised:
            name = path.removeprefix(f"{RESULTS}/")
            assert command == f"rm -r {path}"
            assert name not in named, f"deleting {name} was of no use"
            subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
            named.add(name)
    # A link to itself counts as missing: Snakemake makes the file again, unasked.
    assert named == {name for name, (damage, _) in STORIES[story].items() if damage is not loop}
    assert results(tmp_path) == results(whole[0].root)


def spoil(path, damage):
    """Damage a file in place, as a failing disk does: with its time of change."""
    before = path.stat()
    damage(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns), follow_symlinks=False)


@pytest.fixture(scope="module")
def files(whole):
    """All results that are read again, of each kind."""
    root = whole[0].root / RESULTS
    found = [path for path in root.rglob("*") if path.suffix in (".h5", ".parquet")]
    assert len(found) > 15
    return found


@pytest.mark.parametrize("number", range(len(DAMAGES)))
def test_every_result_is_refused_however_it_is_damaged(number, files, tmp_path):
    for place, file in enumerate(files):
        path = tmp_path / f"a copy {place}" / file.name
        path.parent.mkdir()
        shutil.copy2(file, path)
        kind = file.read_bytes().split()[1].decode(errors="replace")
        read = read_table if file.suffix == ".parquet" else partial(read_cache, kind=kind)
        read(path)
        DAMAGES[number](path)
        with pytest.raises(BlindmatchError) as caught:
            read(path)
        message = str(caught.value)
        assert message.startswith(f"{path}: ")
        assert message.endswith(f"; delete it (rm -r '{path}') and run again")
        assert "\n" not in message


def test_no_flipped_bit_of_a_table_is_missed(whole, tmp_path):
    path = tmp_path / "all.parquet"
    content = (whole[0].root / RESULTS / PHASE).read_bytes()
    for position in range(0, len(content), 17):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(BlindmatchError, match=r"all\.parquet"):
            read_table(path)


def test_any_tool_can_open_a_table(whole):
    path = whole[0].root / RESULTS / MATCHINGS
    with open(path, "rb") as stream:
        rows = pyarrow.parquet.read_table(stream).to_pylist()
    # As text, because a number that is missing does not equal itself.
    assert str(rows) == str(read_table(path)[0])


def test_a_result_that_is_not_there_or_not_to_be_had_is_not_to_be_deleted(tmp_path):
    (tmp_path / "file").write_text("in the way")
    for name in ("absent.h5", "file/below.h5"):
        with pytest.raises(BlindmatchError, match=rf"{name}: cannot be read \([^)]*\)[^)]*$"):
            read_cache(tmp_path / name, "kernels")
