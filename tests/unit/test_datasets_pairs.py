"""Pairs of images and captions, texts without images."""

import json
import pickle
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blindmatch.datasets import open_dataset
from blindmatch.errors import BlindmatchError
from blindmatch.settings import DatasetSettings
from tests import datafiles
from tests.datafiles import looks_like, opened

# --- image-captions -------------------------------------------------------------------------------

PICTURES = datafiles.class_files(["cat", "dog"], 2, prefix="pictures/")  # .../cat/0000.JPEG


@pytest.fixture
def pictures(tmp_path):
    return datafiles.write_files(tmp_path / "in", {**PICTURES, "pictures/readme.txt": b"hello"})


@pytest.mark.parametrize("packed", [False, True])
def test_names_of_images_are_captions(packed, tmp_path):
    names = ["n01440764_tench.jpg", "n01484850_great_white_shark.jpg", "black-footed_ferret.PNG"]
    data = list(datafiles.class_files(names, 1).values())
    files = {f"sample/{name}": each for name, each in zip(names, data, strict=True)}
    files |= {"sample/": b"", "sample/.hidden.jpg": b"", "__MACOSX/sample/._a.jpg": b""}
    path = tmp_path / "a.zip"
    path = datafiles.write_zip(path, files) if packed else datafiles.write_files(tmp_path, files)
    dataset = opened("image-captions", path, prompts=["a {}.", "the {}"])
    index = dataset.index()
    assert index.keys == [f"sample/{names[2]}", f"sample/{names[0]}", f"sample/{names[1]}"]
    assert index.class_names == [
        "black-footed_ferret", "n01440764_tench", "n01484850_great_white_shark",
    ]  # fmt: skip
    assert index.labels.tolist() == [0, 1, 2]
    assert dataset.prompts() == [
        ["a black-footed ferret.", "the black-footed ferret"],
        ["a tench.", "the tench"],
        ["a great white shark.", "the great white shark"],
    ]
    assert [looks_like(dataset, row, label, 0) for row, label in enumerate([2, 0, 1])] == [True] * 3


def test_images_of_one_name_are_told_apart_by_their_folders(pictures):
    dataset = opened("image-captions", pictures)
    assert dataset.index().class_names == list(PICTURES)
    assert dataset.prompts()[0] == ["0000"]


TABLE = """file,caption
dog/0001.JPEG,"A dog, running."
cat/0000.JPEG,A cat.
dog/0001.JPEG," A ""good"" dog. "
"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", TABLE),
        ("a.CSV", TABLE.partition("\n")[2]),
        ("a.csv", "\ufeff" + TABLE.replace("\n", "\r\n")),
        ("a.tsv", 'number\tcaption\tfile\n1\tA dog, running.\tdog/0001.JPEG\n\n2\tA cat.'
         '\tcat/0000.JPEG\n3\t"A ""good"" dog."\tdog/0001.JPEG\n'),
    ],
)  # fmt: skip
def test_captions_of_a_table_belong_to_their_images(name, content, pictures, tmp_path):
    (tmp_path / name).write_text(content, newline="")
    dataset = opened("image-captions", pictures, captions=str(tmp_path / name))
    assert dataset.index().keys == ["pictures/dog/0001.JPEG", "pictures/cat/0000.JPEG"]
    assert dataset.prompts() == [["A dog, running.", 'A "good" dog.'], ["A cat."]]
    assert looks_like(dataset, 0, 1, 1)
    assert looks_like(dataset, 1, 0, 0)


def test_karpathys_splits(pictures, tmp_path):
    said = {name.rpartition("pictures/")[2]: [f"{name} {n}" for n in range(5)] for name in PICTURES}
    path = datafiles.write_karpathy(tmp_path / "dataset_flickr30k.json", said)
    dataset = opened("image-captions", pictures, captions=str(path), split="test")
    assert dataset.index().keys == list(PICTURES)
    assert [prompts[4] for prompts in dataset.prompts()] == [f"{name} 4" for name in PICTURES]
    with pytest.raises(BlindmatchError, match=r"in: expected one image 'elsewhere.jpg' .* found 0"):
        opened("image-captions", pictures, captions=str(path)).index()


def test_cocos_images_lie_in_two_folders(pictures, tmp_path):
    content = {"images": [
        {"filepath": kind, "filename": "0001.JPEG", "split": "restval",
         "sentences": [{"raw": f"A {kind}.\n"}]} for kind in ("dog", "cat")
    ]}  # fmt: skip
    (tmp_path / "a.json").write_text(json.dumps(content))
    dataset = opened("image-captions", pictures, captions=str(tmp_path / "a.json"), split="restval")
    assert dataset.index().keys == ["pictures/dog/0001.JPEG", "pictures/cat/0001.JPEG"]
    assert dataset.prompts() == [["A dog."], ["A cat."]]


@pytest.mark.parametrize(
    ("name", "content", "split", "message"),
    [
        ("a.csv", "cat/0000.JPEG,A\n0001.JPEG,B\n", None, "one image '0001.JPEG' .* found 2"),
        ("a.csv", "cat/0000.JPEG,A\ndog/9.JPEG,B\n", None, "one image 'dog/9.JPEG' .* found 0"),
        ("a.csv", "cat/0000.JPEG,A\npictures/cat/0000.JPEG,B\n", None, "another name stands for"),
        ("a.csv", "cat/0000.JPEG,A\ndog/0000.JPEG, \n", None, "'dog/0000.JPEG' has an empty"),
        ("a.csv", "cat/0000.JPEG,A\ndog/0000.JPEG,B,C\n", None, "line 2 has 3 columns, expected 2"),
        ("a.csv", 'cat/0000.JPEG,"A\ndog/0000.JPEG,B\n', None, "unexpected end of data"),
        ("a.tsv", 'cat/0000.JPEG\t"A" cat\ndog/0000.JPEG\tB\n', None, "expected after"),
        ("a.csv", TABLE, "test", "a.csv: has no splits, expected none .*'test'"),
        ("a.csv", "", None, "expected at least 2 classes, found 0"),
        ("a.txt", TABLE, None, "a.txt: has suffix '.txt', expected"),
        ("a.json", '{"images": [{"split": "val"}]}', "test", "no split 'test', .* one of val"),
        ("a.json", '{"images": [{"split": "val"}]}', "val", "not a readable file of captions"),
        ("a.json", "[1]", None, "not a readable file of captions"),
    ],
)  # fmt: skip
def test_captions_that_fit_no_image_are_named(name, content, split, message, pictures, tmp_path):
    (tmp_path / name).write_text(content)
    dataset = opened("image-captions", pictures, captions=str(tmp_path / name), split=split)
    with pytest.raises(BlindmatchError, match=message) as caught:
        dataset.prompts()
    assert "\n" not in str(caught.value)


def test_an_image_of_karpathys_that_stands_twice_is_refused(pictures, tmp_path):
    said = {"cat/0000.JPEG": ["A."]}
    path = datafiles.write_karpathy(tmp_path / "a.json", said)
    content = json.loads(path.read_text())
    path.write_text(json.dumps({"images": 2 * content["images"]}))
    with pytest.raises(BlindmatchError, match=r"a.json: .*'cat/0000.JPEG' stands twice"):
        opened("image-captions", pictures, captions=str(path), split="test").index()


def test_names_of_images_have_no_splits_and_must_say_something(tmp_path):
    path = datafiles.write_files(tmp_path / "in", {"a.jpg": b"", "b.jpg": b""})
    with pytest.raises(BlindmatchError, match=r"datasets.mine.split: 'test', expected none"):
        opened("image-captions", path, split="test").index()
    (path / "n01440764_.jpg").write_bytes(b"")
    with pytest.raises(BlindmatchError, match=r"n01440764_.jpg: its name holds no caption"):
        opened("image-captions", path).index()


# --- webdataset -----------------------------------------------------------------------------------


def shards(path, folder):
    return opened("webdataset", path, folder=folder, prompts=["{}"])


def test_every_sample_of_the_shards_is_a_pair(tmp_path):
    path = datafiles.write_shards(tmp_path / "in", 3, 8)
    dataset = shards(path, tmp_path)
    expected = [(n, s) for n in range(3) for s in range(8) if (10_000 * n + s) % 7 != 6]
    assert dataset.index().keys == [f"{n:05d}/{n:05d}{s:04d}" for n, s in expected]
    assert dataset.index().class_names == dataset.index().keys
    assert dataset.prompts() == [[f"caption {s} of {n}"] for n, s in expected]
    rows = list(enumerate(expected))
    assert all(looks_like(dataset, row, s, n, size=40) for row, (n, s) in rows)
    # Out of order, and in a loader that indexed nothing.
    copy = pickle.loads(pickle.dumps(dataset))  # noqa: S301 - our own bytes
    assert all(looks_like(copy, row, s, n, size=40) for row, (n, s) in reversed(rows))
    assert len(pickle.dumps(dataset)) < 2000


def test_shards_are_indexed_once_and_anew_when_one_changes(tmp_path, capsys):
    path = datafiles.write_shards(tmp_path / "in", 2, 4)
    assert len(shards(path, tmp_path).index().keys) == 7
    assert "indexed 2 / 2 shards" in capsys.readouterr().err
    shards(path, tmp_path).image(3)
    assert capsys.readouterr().err == ""
    datafiles.write_shards(path, 3, 5)
    assert len(shards(path, tmp_path).index().keys) == 14
    assert "indexed 3 / 3 shards" in capsys.readouterr().err
    assert len(list(tmp_path.glob("samples-*"))) == 1


def test_samples_may_be_packed_in_other_ways(tmp_path):
    members = {
        f"./folder/{key}.{kind}": data
        for name, data in datafiles.shard_files(0, 2, suffix="JPEG").items()
        for key, _, kind in [name.partition(".")]
    }
    members |= {"./folder/000000000.seg.png": b"ignored", "readme.txt.bak": b"ignored"}
    datafiles.write_tar(tmp_path / "in" / "part-0.tar", members)
    dataset = shards(tmp_path / "in", tmp_path)
    assert dataset.index().keys == ["part-0/folder/000000000", "part-0/folder/000000001"]
    assert looks_like(dataset, 1, 1, 0, size=40)


SHARD = datafiles.shard_files(0, 4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"000000002.txt": None}, "'000000002' has only its image, expected an image and a .txt"),
        ({"000000002.jpg": None}, "'000000002' has only its text, expected"),
        ({"000000002.png": b"x"}, "'000000002.png' is the second image of a sample"),
        ({"../000000002.txt": b"x"}, "lies outside of the archive"),
        ({"/000000002.txt": b"x"}, "lies outside of the archive"),
        ({f"{'k' * 201}.txt": b"x"}, "a sample's name has more than 200 bytes"),
        ({"\udcff.txt": b"x"}, "has a name that is no text in UTF-8"),
        (dict.fromkeys(SHARD), "expected at least 2 classes, found 0"),
    ],
)
def test_half_a_sample_and_strange_names_are_refused(change, message, tmp_path):
    members = {name: data for name, data in {**SHARD, **change}.items() if data is not None}
    datafiles.write_tar(tmp_path / "in" / "00000.tar", members)
    with pytest.raises(BlindmatchError, match=message) as caught:
        shards(tmp_path / "in", tmp_path).index()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [b"", b" \n", b"\xff\xfe"])
def test_a_caption_that_is_empty_or_no_text_names_its_sample(text, tmp_path):
    datafiles.write_tar(tmp_path / "in" / "00000.tar", {**SHARD, "000000002.txt": text})
    dataset = shards(tmp_path / "in", tmp_path)
    with pytest.raises(BlindmatchError, match=r"00000.tar: .*(is empty|utf-8)"):
        dataset.prompts()


def test_an_image_that_is_damaged_names_its_sample(tmp_path):
    datafiles.write_tar(tmp_path / "in" / "00000.tar", {**SHARD, "000000002.jpg": b"\xff\xd8"})
    with pytest.raises(BlindmatchError, match=r"00000.tar: image of sample '000000002'"):
        shards(tmp_path / "in", tmp_path).image(2)


def test_a_shard_that_is_cut_off_or_damaged_anywhere_is_refused(tmp_path):
    whole = datafiles.write_tar(tmp_path / "in" / "00000.tar", SHARD)
    data = whole.read_bytes()
    with tarfile.open(whole) as tar:
        headers = [item.offset for item in tar]
        end = tar.offset
    for size in [0, 100, 512, headers[3], headers[3] + 700, headers[-1] + 512, end, end + 512]:
        whole.write_bytes(data[:size])
        with pytest.raises(BlindmatchError, match=r"00000.tar: "):
            shards(whole.parent, tmp_path).index()
    for header in headers:
        whole.write_bytes(data[: header + 20] + b"\xff" * 200 + data[header + 220 :])
        with pytest.raises(BlindmatchError, match=r"00000.tar: "):
            shards(whole.parent, tmp_path).index()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_shard_are_refused(kind, tmp_path):
    path = datafiles.write_tar(tmp_path / "in" / "00000.tar", SHARD)
    with tarfile.open(path, "a") as tar:
        member = tarfile.TarInfo("000000009.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(BlindmatchError, match=r"'000000009.jpg' is a link, a device"):
        shards(path.parent, tmp_path).index()


def test_a_shard_that_says_it_is_huge_takes_no_memory(tmp_path):
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 40
    content = header.tobuf(tarfile.GNU_FORMAT) + bytes(4096)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "00000.tar").write_bytes(content)
    with pytest.raises(BlindmatchError, match=r"00000.tar: .*header of"):
        shards(tmp_path / "in", tmp_path).index()
    member = tarfile.TarInfo("0.jpg")
    member.size = 1 << 40
    (tmp_path / "in" / "00000.tar").write_bytes(member.tobuf() + bytes(4096))
    with pytest.raises(BlindmatchError, match=r"00000.tar: .*1,099,511,627,776 bytes"):
        shards(tmp_path / "in", tmp_path).index()


def test_packed_shards_and_no_shards_are_refused(tmp_path):
    datafiles.write_tar(tmp_path / "in" / "a.tar.gz", SHARD)
    with pytest.raises(BlindmatchError, match=r"in: holds no .tar file, expected a folder of .tar"):
        shards(tmp_path / "in", tmp_path).index()
    (tmp_path / "in" / "a.tar.gz").rename(tmp_path / "in" / "a.tar")
    with pytest.raises(BlindmatchError, match=r"a.tar: not a readable tar archive"):
        shards(tmp_path / "in", tmp_path).index()
    with pytest.raises(BlindmatchError, match=r"datasets\.mine\.path: not set; expected a folder"):
        open_dataset("mine", DatasetSettings(loader="webdataset"), tmp_path).index()


# --- texts ----------------------------------------------------------------------------------------


def test_texts_are_lines_or_cells_of_parquet_files(tmp_path):
    texts = [" = Valkyria = ", "", " Senjō no Valkyria 3 is a game . ", "\t", "Another text"]
    (tmp_path / "wiki.train.raw").write_text("\ufeff" + "\n".join(texts) + "\r\n")
    for part, some in enumerate((texts[:2], texts[2:])):
        table = pa.table({"number": range(len(some)), "text": some})
        (tmp_path / "in").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "in" / f"train-{part:05d}-of-00002.parquet")
    for path in (tmp_path / "wiki.train.raw", tmp_path / "in"):
        dataset = opened("texts", path, prompts=["{}"])
        assert dataset.index().keys == dataset.index().class_names == ["0", "1", "2"]
        assert dataset.index().labels.tolist() == [0, 1, 2]
        assert dataset.prompts() == [[text.strip()] for text in texts if text.strip()]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"caption": ["a", "b"]}, "has columns caption; expected 'text'"),
        ({"text": ["a", None]}, "'text' holds something else"),
        ({"text": [1, 2]}, "'text' holds something else"),
    ],
)
def test_tables_without_texts_are_refused(columns, message, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(BlindmatchError, match=rf"a.parquet: .*{message}"):
        opened("texts", tmp_path / "a.parquet").index()


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"text\n\xff\xfe\n")
    with pytest.raises(BlindmatchError, match=r"a.txt: not a readable file of texts"):
        opened("texts", tmp_path / "a.txt").index()
    with pytest.raises(BlindmatchError, match=r"holds no .parquet file"):
        opened("texts", tmp_path).index()
