"""Random damage to valid files: a right answer or a good sentence, nothing else."""

import numpy as np
import pytest

from tests.fuzz.mutations import mutated
from tests.fuzz.readers import READERS
from tests.fuzz.runner import content_of, findings

#: Readers that start a process for each file, walk a proof or need many files, are given fewer.
FEWER = {"h5": 15, "certificate": 60, "certificate-sealed": 60}
FEWER |= {"food-101": 25, "fgvc-aircraft": 25}


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_are_refused_in_a_sentence_or_read_right(name):
    assert list(findings(name, 1, FEWER.get(name, 120), seed=0)) == []


def test_the_same_number_makes_the_same_file():
    assert content_of("anchors", 7, 1) == content_of("anchors", 7, 1)
    assert len({content_of("anchors", number, 1) for number in range(1, 20)}) > 15


@pytest.mark.parametrize("name", READERS)
def test_a_valid_file_is_read(name, tmp_path):
    reader = READERS[name]
    path = tmp_path / "in" / reader.name
    seeds = reader.seeds(tmp_path)
    path.parent.mkdir()
    path.write_bytes(reader.seal(seeds[0]))
    reader.read(path)


def test_every_change_keeps_to_the_file():
    rng = np.random.default_rng(0)
    for length in (0, 1, 50):
        for _ in range(200):
            assert isinstance(mutated(b"x" * length, [b"", b"valid"], rng), bytes)
