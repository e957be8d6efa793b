"""Memory that is too small, of the GPU and of the machine.

Where no GPU is at hand a model on the CPU fails as one on a GPU does: it raises torch's own error
for more rows than fit.
"""

import dataclasses
import os
import re
import signal
import time

import numpy as np
import pytest

from blindmatch import QAP
from blindmatch.embed import embed_images, embed_texts
from blindmatch.errors import BlindmatchError
from blindmatch.models import LanguageEncoder, VisionEncoder
from blindmatch.solvers.hahn_grant import HahnGrant
from blindmatch.storage import open_embeddings

torch = pytest.importorskip("torch")

ROWS, BATCH = 37, 8
SHORTAGE = (
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.77 GiB of "
    "which 1.10 GiB is free. See documentation for Memory Management\nand so on"
)


class Blank:
    """A dataset whose images are their numbers."""

    def image(self, row):
        return row


@dataclasses.dataclass
class Small:
    """What reads a model on a device with memory for so many rows at a time."""

    room: int
    error: Exception = dataclasses.field(default_factory=lambda: torch.OutOfMemoryError(SHORTAGE))

    def __call__(self, model, images, rows):
        if len(images) > self.room:
            raise self.error
        return torch.stack([images, images**2 + 1], dim=1)


def preprocess(image):
    return torch.tensor(float(image))


def embed(output, read):
    encoder = VisionEncoder(torch.nn.Identity(), read, preprocess, 2, {})
    options = {"identity": {"model": "blank"}, "batch_size": BATCH, "device": "cpu"}
    embed_images(Blank(), ROWS, encoder, output, **options)


def embed_words(output, room, lines):
    def encode(texts, device):
        if len(texts) > room:
            raise torch.OutOfMemoryError(SHORTAGE)
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)

    encoder = LanguageEncoder(encode, 2, {})
    texts = ["x" * (row + 1) for row in range(ROWS)]
    options = {"identity": {"model": "words"}, "batch_size": BATCH, "device": "cpu"}
    embed_texts(texts, encoder, output, report=lines.append, **options)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What is embedded where all fits."""
    output = tmp_path_factory.mktemp("whole") / "rows.h5"
    embed(output, Small(BATCH))
    return output.read_bytes()


@pytest.mark.parametrize("room", [5, 1])
def test_batches_are_halved_aloud_until_they_fit(room, undisturbed, tmp_path, capfd):
    embed(tmp_path / "rows.h5", Small(room))
    assert (tmp_path / "rows.h5").read_bytes() == undisturbed
    said = re.findall(r"does not hold (\d+) rows .*, going on with (\d+)", capfd.readouterr().err)
    # Once, not in every batch: what fits is kept to.
    assert said == [("8", "4"), ("4", "2"), ("2", "1")][: 1 if room == 5 else 3]


@pytest.mark.parametrize(
    "text", ["CUDA error: out of memory\nCUDA kernel errors", "CUBLAS_STATUS_ALLOC_FAILED"]
)
def test_other_words_for_the_same_are_understood(text, undisturbed, tmp_path, capfd):
    embed(tmp_path / "rows.h5", Small(4, RuntimeError(text)))
    assert (tmp_path / "rows.h5").read_bytes() == undisturbed
    assert "going on with 4" in capfd.readouterr().err


def test_an_error_about_anything_else_is_not_taken_for_it(tmp_path):
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        embed(tmp_path / "rows.h5", Small(4, RuntimeError("shapes cannot be multiplied")))


def test_not_even_one_row_is_one_sentence(tmp_path):
    with pytest.raises(BlindmatchError) as caught:
        embed(tmp_path / "rows.h5", Small(0))
    message = str(caught.value)
    assert "does not hold one row at a time (CUDA out of memory. Tried to allocate 2.00 GiB)" in (
        message
    )
    assert "set embedding.device to cpu" in message
    assert "\n" not in message
    assert not (tmp_path / "rows.h5").exists()


def test_a_run_resumes_where_memory_had_become_too_small(undisturbed, tmp_path, capfd):
    output = tmp_path / "rows.h5"

    def shrinking(model, images, rows):
        return Small(BATCH if int(rows[0]) < 2 * BATCH else 0)(model, images, rows)

    with pytest.raises(BlindmatchError, match="one row at a time"):
        embed(output, shrinking)
    embed(output, Small(2))
    assert "resuming after 16 rows" in capfd.readouterr().err
    assert output.read_bytes() == undisturbed


def test_prompts_are_halved_too(tmp_path):
    lines = []
    embed_words(tmp_path / "whole.h5", BATCH, lines)
    assert not any("going on" in line for line in lines)
    embed_words(tmp_path / "parts.h5", 3, lines)
    assert [line[-2:] for line in lines if "going on" in line] == [" 4", " 2"]
    assert (tmp_path / "parts.h5").read_bytes() == (tmp_path / "whole.h5").read_bytes()
    with pytest.raises(BlindmatchError, match="one row at a time"):
        embed_words(tmp_path / "none.h5", 0, lines)


def too_much_for_numpy(model, images, rows):
    np.empty(1 << 58)


def too_much_for_torch(model, images, rows):
    torch.empty(1 << 60)


def killed(model, images, rows):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("read", [too_much_for_numpy, too_much_for_torch, killed])
def test_a_machine_without_memory_is_one_sentence_and_keeps_what_is_done(
    read, undisturbed, tmp_path, capfd
):
    output = tmp_path / "rows.h5"

    def late(model, images, rows):
        if rows[0] < 2 * BATCH:
            return Small(BATCH)(model, images, rows)
        deadline = time.monotonic() + 60
        while os.path.getsize(f"{output}.partial") < 4096 + 2 * BATCH * 2 * 4:
            assert time.monotonic() < deadline, "no rows appeared"
            time.sleep(0.01)
        return read(model, images, rows)

    with pytest.raises(BlindmatchError, match=r"out of memory, .*; whole batches are kept and"):
        embed(output, late)
    embed(output, Small(BATCH))
    assert "resuming after 16 rows" in capfd.readouterr().err
    assert output.read_bytes() == undisturbed


def test_prompts_without_memory_are_one_sentence(tmp_path):
    encoder = LanguageEncoder(lambda texts, device: np.empty(1 << 58), 2, {})
    with pytest.raises(BlindmatchError, match="out of memory"):
        embed_texts(["a"], encoder, tmp_path / "a.h5", identity={}, device="cpu")


def test_a_solver_whose_device_is_full_says_so(monkeypatch):
    from blindmatch.solvers._duals import Duals

    def sweep(*arguments, **options):
        raise torch.OutOfMemoryError(SHORTAGE)

    problem = QAP(*np.random.default_rng(0).normal(size=(2, 6, 6)))
    HahnGrant().solve(problem)  # compiles the solver, which sweeps, too
    monkeypatch.setattr(Duals, "sweep", sweep)
    with pytest.raises(BlindmatchError) as caught:
        HahnGrant().solve(problem)
    assert str(caught.value) == (
        "device: the GPU's memory does not hold 6 items, take device='cpu' (the GPU says: CUDA out "
        "of memory. Tried to allocate 2.00 GiB)"
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_real_gpu_that_is_full(tmp_path, capfd):
    a_row = torch.cuda.get_device_properties(0).total_memory // 6

    def read(model, images, rows):
        filling = torch.zeros(len(rows) * a_row, dtype=torch.uint8, device="cuda")
        return torch.stack([rows, rows + 1], dim=1).cuda() + filling[0]

    encoder = VisionEncoder(torch.nn.Identity(), read, None, 2, {})
    options = {"identity": {}, "batch_size": BATCH, "device": "cuda"}
    embed_images(Blank(), ROWS, encoder, tmp_path / "rows.h5", **options)
    assert "going on with 4" in capfd.readouterr().err
    rows = open_embeddings(tmp_path / "rows.h5").arrays["embeddings"]
    np.testing.assert_array_equal(rows[:, 0], np.arange(ROWS))
