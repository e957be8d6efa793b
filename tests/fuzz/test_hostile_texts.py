"""Texts, settings, pickles and captions made to do harm: refused in one sentence."""

import json
import pickle

import pytest

from blindmatch.cli_files import read_anchors, read_names
from blindmatch.config import Config, read_yaml
from blindmatch.datasets import open_dataset
from blindmatch.datasets._pickles import plain_pickle
from blindmatch.settings import DatasetSettings, Source
from tests import datafiles
from tests.fuzz.hostile import Dangerous, refused

pytestmark = pytest.mark.usefixtures("folder")


# --- texts ---


def test_signs_that_look_like_ends_of_lines_are_part_of_a_name(folder):
    (folder / "a.txt").write_bytes("\ufeffone\x85two\r\nthree\u2028four\x0c\n".encode())
    assert read_names(str(folder / "a.txt"), 2) == ["one\x85two", "three\u2028four\x0c"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"0,1\n2,\0\n", "line 2"),
        (b'0,1\n"' + b"x" * 200_000, "not a readable table of anchors"),
        (b"0\n", "found '0' in line 1"),
        (b"0,1\n" + b"9" * 5000 + b",1\n", "in line 2"),
        (b"0,1.5\n", "found '0,1.5' in line 1"),
        (b"\xff\xfe0\0,\x001\0", "not a readable text file in UTF-8"),
    ],
)
def test_hostile_anchors_are_refused(content, words, folder):
    (folder / "a.csv").write_bytes(content)
    refused(lambda path: read_anchors(str(path)), folder / "a.csv", words)


# --- settings ---


def laughs(levels: int, merged: bool = False) -> str:
    lines = ["a0: &a0 {x: 1}" if merged else "a0: &a0 [1]"]
    for level in range(1, levels):
        parts = ", ".join([f"*a{level - 1}"] * 9)
        value = f"{{<<: [{parts}]}}" if merged else f"[{parts}]"
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (laughs(20), "expected at most 100,000 values"),
        (laughs(20, merged=True), "expected at most 100,000 values"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a {b: *a}", "holds itself"),
        ("a: " + "[" * 50_000, "not a readable YAML file"),
        ("a: " + "{b: " * 50_000, "not a readable YAML file"),
        ("seed: " + "9" * 5000, "not a readable YAML file"),
        ("seed: " + "1:" * 200_000 + "1", "expected a text of at most 10,000"),
        ("a: 2001-99-99", "not a readable YAML file"),
        ("a: !!python/object/apply:os.system ['touch ran.txt']", "not a readable YAML file"),
        ("a: !!python/name:os.system", "not a readable YAML file"),
        ("a: !!timestamp x", "not a readable YAML file"),
        ("a: !!bool x", "not a readable YAML file"),
        ("? [a, b]\n: c", "expected a name as key in line 1, found a sequence"),
        ("? {a: b}\n: c", "expected a name as key in line 1, found a mapping"),
        ('path: "a\\0b"', "whole characters in line 1"),
        ('path: "\\ud800"', "whole characters in line 1"),
        ('path: "\\UFFFFFFFF"', "not a readable YAML file"),
        ("a: *b", "not a readable YAML file"),
        ("a: 1\n---\nb: 2", "not a readable YAML file"),
        ("a: " + "x " * 600_000, "expected at most 1,000,000 characters"),
        ("\0", "not a readable YAML file"),
        ("<<: 3", "not a readable YAML file"),
    ],
)
def test_hostile_settings_are_refused(text, words, folder):
    (folder / "a.yaml").write_text(text)
    refused(read_yaml, folder / "a.yaml", words)


def test_aliases_within_reason_are_fine(folder):
    (folder / "a.yaml").write_text(laughs(4))
    assert len(read_yaml(folder / "a.yaml")["a3"]) == 9


@pytest.mark.parametrize(
    "raw",
    [
        {"solvers": {"s": {"solver": "faq", "time_limit": float("inf")}}},
        {"solvers": {"s": {"solver": "faq", "options": {"x": float("nan")}}}},
        {"datasets": {"d": {"loader": "coco", "sources": {"../../x": {}}}}},
        {"datasets": {"d": {"loader": "coco", "sources": {"/etc/x": {}}}}},
        {"datasets": {"../d": {"loader": "coco"}}},
    ],
)
def test_settings_that_lead_outside_or_are_no_numbers_are_refused(raw):
    with pytest.raises(ValueError, match=r"match pattern|finite number|valid"):
        Config.model_validate(raw)


# --- pickles and JSON of published data sets


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02r\xff\xff\xff\x7f.",
        b"\x80\x02}(" + b")\x85" + b"2\x86" * 60 + b"K\1u.",
        b"(ios\nsystem\nS'touch ran.txt'\no.",
        b"P1\n.",
        b"\x82\1.",
        b"\x80\x02cos\nsystem\n)\x81.",
        b"K\1K\2.",
        b"]K\1a",
        b".",
    ],
)
def test_pickles_that_ask_for_more_than_data_are_refused(data):
    with pytest.raises(Exception, match=r"."):
        plain_pickle(data)


def test_a_call_in_a_pickle_is_described_and_not_made():
    found = plain_pickle(pickle.dumps({"a": Dangerous()}, 2))
    assert found["a"].name == "__builtin__ exec"


CAPTION = {"id": 1, "image_id": 1, "caption": "a"}
IMAGE = {"id": 1, "file_name": "1.jpg"}


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 100_000,
        b"9" * 5000,
        b"[]",
        {"images": [IMAGE], "annotations": [CAPTION | {"caption": 3}]},
        {"images": [IMAGE], "annotations": [CAPTION, CAPTION | {"id": "x"}]},
        {"images": [IMAGE, IMAGE], "annotations": []},
        {"images": [IMAGE | {"file_name": 3}], "annotations": []},
        {"images": [IMAGE | {"id": []}], "annotations": []},
        {"images": [], "annotations": [CAPTION]},
    ],
)
def test_captions_that_make_no_sense_are_refused(content, folder):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path = datafiles.write_zip(
        folder / "annotations.zip", {"annotations/captions_val2017.json": data}
    )
    datafiles.write_coco(folder, 1)
    settings = DatasetSettings(
        loader="coco-captions",
        split="val2017",
        sources={"annotations.zip": Source(), "val2017.zip": Source()},
    )
    dataset = open_dataset("coco", settings, folder)
    refused(lambda path: dataset.index(), path, "not a readable file of COCO captions")
