import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from blindmatch.embed import PartialRows, choose_device, embed_images, embed_texts
from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, VisionEncoder
from blindmatch.storage import open_embeddings

torch = pytest.importorskip("torch")

#: A job that a test can kill in the middle: the same in a child process and in this one.
JOB = """
    import sys, time
    import numpy as np, torch
    from PIL import Image
    from blindmatch.embed import embed_images
    from blindmatch.models import VisionEncoder

    class Noise:
        def image(self, row):
            return Image.fromarray(
                np.random.default_rng(row).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            )

    def preprocess(image):
        return torch.from_numpy(np.asarray(image, dtype=np.float32) / 255).permute(2, 0, 1)

    def read(model, images, rows):
        time.sleep(float(sys.argv[2]))
        return model(images).flatten(1)

    torch.manual_seed(0)
    model = torch.nn.Conv2d(3, 4, 5, stride=3).eval()
    embed_images(
        Noise(), 90, VisionEncoder(model, read, preprocess, 64, {"layer": "conv"}), sys.argv[1],
        identity={"dataset": "noise", "model": "conv", "modality": "vision"},
        batch_size=4, device="cpu", threads=1,
    )
"""


def start(output, pause):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(JOB), str(output), str(pause)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "conv.h5"
    job = start(path, 0)
    _, errors = job.communicate(timeout=120)
    assert job.returncode == 0, errors
    return path


def test_a_killed_job_resumes_and_ends_with_the_same_bytes(whole, tmp_path):
    output, partial = tmp_path / "conv.h5", tmp_path / "conv.h5.partial"
    job = start(output, 0.1)
    deadline = time.monotonic() + 60
    while not (partial.exists() and partial.stat().st_size > 4096 + 20 * 64 * 4):
        assert time.monotonic() < deadline, "no rows appeared"
        time.sleep(0.02)
    os.killpg(job.pid, signal.SIGKILL)
    job.communicate()
    assert not output.exists()
    with open(partial, "ab") as stream:
        stream.write(b"torn write")
    job = start(output, 0)
    _, errors = job.communicate(timeout=120)
    assert job.returncode == 0, errors
    assert "resuming after" in errors
    assert output.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["conv.h5"]


def test_the_cache_says_what_it_is(whole):
    cache = open_embeddings(whole, dataset="noise", model="conv")
    assert cache.arrays["embeddings"].shape == (90, 64)
    assert cache.attributes["n_rows"] == 90
    assert cache.attributes["complete"]
    assert cache.attributes["layer"] == "conv"
    assert cache.attributes["precision"] == "float32"
    assert cache.attributes["version_torch"] == torch.__version__.split("+")[0]


class Blank:
    def image(self, row):
        return row


def by_row(model, images, rows):
    return torch.stack([rows, rows + 1], dim=1)


def embed(output, read=by_row, preprocess=None, **options):
    lines = []
    embed_images(
        Blank(),
        10,
        VisionEncoder(torch.nn.Identity(), read, preprocess, 2, {}),
        output,
        identity={"dataset": "blank", "model": "rows"},
        batch_size=4,
        device="cpu",
        report=lines.append,
        **options,
    )
    return lines


def test_a_model_without_preprocessing_sees_row_numbers_only(tmp_path):
    embed(tmp_path / "rows.h5")
    rows = open_embeddings(tmp_path / "rows.h5").arrays["embeddings"]
    np.testing.assert_array_equal(rows, np.column_stack([np.arange(10), np.arange(1, 11)]))


def test_rows_of_other_settings_are_discarded_aloud(tmp_path):
    output = tmp_path / "rows.h5"
    with PartialRows(output, {"model": "another"}, 2, 4, print) as rows:
        rows.append(np.ones((4, 2)))
    assert any("made with other settings" in line for line in embed(output))


def test_nan_embeddings_are_refused_and_nothing_is_left(tmp_path):
    def broken(model, images, rows):
        return torch.where(rows[:, None] == 7, torch.nan, 1.0).repeat(1, 2)

    with pytest.raises(BlindmatchError, match=r"rows\.h5: 1 of 10 embeddings hold NaN .* row 7"):
        embed(tmp_path / "rows.h5", broken)
    assert os.listdir(tmp_path) == []


class Unreadable(Blank):
    def image(self, row):
        raise BlindmatchError(f"toys.zip: image {row} is corrupt")


def test_an_unreadable_image_ends_the_job_with_its_name(tmp_path):
    with pytest.raises(BlindmatchError, match=r"toys\.zip: image 0 is corrupt"):
        embed_images(
            Unreadable(),
            10,
            VisionEncoder(torch.nn.Identity(), by_row, torch.as_tensor, 2, {}),
            tmp_path / "rows.h5",
            identity={},
            device="cpu",
            report=lambda line: None,
        )


def test_bfloat16_is_recorded_and_stored_as_float32(tmp_path):
    model = torch.nn.Linear(2, 2)

    def read(linear, images, rows):
        output = linear(torch.stack([rows, rows + 1], dim=1).float())
        assert output.dtype == torch.bfloat16
        return output

    embed_images(
        Blank(),
        6,
        VisionEncoder(model, read, None, 2, {}),
        tmp_path / "half.h5",
        identity={},
        precision="bfloat16",
        device="cpu",
        report=lambda line: None,
    )
    cache = open_embeddings(tmp_path / "half.h5")
    assert cache.attributes["precision"] == "bfloat16"
    assert cache.arrays["embeddings"].dtype == np.float32


def test_prompts_are_embedded_in_order(tmp_path):
    texts = [f"{'x' * n}" for n in range(1, 151)]
    encoder = LanguageEncoder(
        lambda batch, device: np.array([[len(text), 1] for text in batch], dtype=np.float32), 2, {}
    )
    lines = []
    embed_texts(texts, encoder, tmp_path / "t.h5", identity={}, device="cpu", report=lines.append)
    rows = open_embeddings(tmp_path / "t.h5").arrays["embeddings"]
    np.testing.assert_array_equal(rows[:, 0], np.arange(1, 151))
    assert lines[-1].startswith("embedded 150 / 150 prompts")


def test_a_gpu_that_is_not_there_is_said_aloud_or_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    lines = []
    assert choose_device("auto", lines.append) == "cpu"
    assert lines == ["runs on the CPU: no GPU was found"]
    with pytest.raises(BlindmatchError, match="'cuda' is demanded, no usable GPU"):
        choose_device("cuda")


def test_a_full_disk_keeps_whole_batches_and_says_so(tmp_path):
    program = f"""
        import resource, numpy as np
        from blindmatch.embed import PartialRows
        rows = PartialRows({str(tmp_path / "a.h5")!r}, {{}}, 100, 2, print)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))
        for _ in range(9):
            rows.append(np.ones((2, 100)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True
    )
    assert "a.h5.partial: cannot be written (File too large); whole batches" in done.stderr
    lines = []
    assert PartialRows(tmp_path / "a.h5", {}, 100, 2, lines.append).done == 4


def test_a_job_waits_for_another_that_writes_the_same_rows(tmp_path):
    program = f"""
        import sys
        from blindmatch.embed import PartialRows
        rows = PartialRows({str(tmp_path / "a.h5")!r}, {{}}, 100, 2, print)
        print("held", flush=True)
        sys.stdin.read()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = []

    def report(line):
        lines.append(line)
        holder.kill()

    with holder:
        assert holder.stdout.readline() == "held\n"
        with PartialRows(tmp_path / "a.h5", {}, 100, 2, report) as rows:
            assert rows.done == 0
    assert lines == [
        f"{tmp_path / 'a.h5.partial'}: another process is writing it, waiting for its end"
    ]
