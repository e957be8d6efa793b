import dataclasses
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from blindmatch.alignment.methods import Method, Objective, methods
from blindmatch.alignment.teachers import fit_teacher, teachers
from blindmatch.alignment.training import fit
from blindmatch.errors import BlindmatchError
from blindmatch.settings import TrainingSettings

torch = pytest.importorskip("torch")
pytest.importorskip("lion_pytorch")

from blindmatch.alignment._training import rate  # noqa: E402

TRAINING = TrainingSettings(
    dimension=4, steps=12, learning_rate=0.01, checkpoint_seconds=1e-9, device="cpu"
)
PROCRUSTES = teachers.build("procrustes", {})


def rows(count, dimension, seed):
    return np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)


def aligned(method, *, training=TRAINING, seed=3, **changes):
    asked = {"teacher": PROCRUSTES, "device": "cpu"} | changes
    pools = rows(30, 6, 2), rows(25, 5, 3)
    return fit(
        method, rows(20, 6, 0), rows(20, 5, 1), *pools, settings=training, seed=seed, **asked
    )


def maps_of(found):
    return found.images(rows(9, 6, 4)), found.texts(rows(9, 5, 5))


def method_of(slug):
    """So few iterations that each step depends on the potentials of the one before."""
    return methods.build(slug, {"iterations": 2} if slug == "sotalign" else {})


class Stopped(Exception):
    """Stands for whatever ends a job."""


@dataclasses.dataclass(frozen=True)
class Stopping(Method):
    """Another method, until a step at which the job dies."""

    slug: str
    at: int
    kill: bool = False

    @property
    def needs_teacher(self):
        return methods[self.slug].needs_teacher

    def __repr__(self):
        return repr(method_of(self.slug))

    def prepare(self, data, teacher, *, seed, report):
        objective = method_of(self.slug).prepare(data, teacher, seed=seed, report=report)

        def loss(student, outputs, batch):
            if batch.step == self.at:
                if self.kill:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise Stopped
            return objective.loss(student, outputs, batch)

        return Objective(loss, objective.diagnostics, objective.state)


def assert_same(found, expected):
    assert all(map(np.array_equal, maps_of(found), maps_of(expected)))
    assert found.history == expected.history
    assert found.diagnostics == expected.diagnostics


@pytest.mark.parametrize("per_step", [1000, 8])
@pytest.mark.parametrize("slug", ["sail", "nnclr", "s-clip", "sotalign", "structure"])
def test_a_stopped_training_goes_on_to_the_same_maps(slug, per_step, tmp_path):
    drawn = {"pairs_per_step": per_step, "unpaired_per_step": per_step}
    training = TRAINING.model_copy(update=drawn)
    checkpoint, told = tmp_path / "run.pt", []
    method = method_of(slug)
    for at in (5, 9):
        with pytest.raises(Stopped):
            aligned(Stopping(slug, at), training=training, checkpoint=checkpoint)
    found = aligned(method, training=training, checkpoint=checkpoint, report=told.append)
    assert any("resuming after 9 steps" in line for line in told)
    assert_same(found, aligned(method, training=training))
    assert not list(tmp_path.iterdir())


def test_a_killed_training_goes_on_to_the_same_maps(tmp_path):
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        f"torch.set_num_threads({torch.get_num_threads()})\n"
        "from tests.unit.alignment.test_training import Stopping, aligned\n"
        "aligned(Stopping('sotalign', 7, kill=True), checkpoint=Path(sys.argv[1]))\n"
    )
    checkpoint = tmp_path / "run.pt"
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, checkpoint], cwd=root, check=False)
    assert done.returncode == -signal.SIGKILL
    told = []
    method = method_of("sotalign")
    found = aligned(method, checkpoint=checkpoint, report=told.append)
    assert any("resuming after 7 steps" in line for line in told)
    assert_same(found, aligned(method))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 4},
        {"training": TRAINING.model_copy(update={"learning_rate": 0.02})},
        {"teacher": teachers.build("cca", {})},
        {"teacher": fit_teacher(PROCRUSTES, rows(20, 6, 8), rows(20, 5, 9))},
    ],
)
def test_a_checkpoint_of_another_training_is_not_used(changes, tmp_path):
    checkpoint, told = tmp_path / "run.pt", []
    with pytest.raises(Stopped):
        aligned(Stopping("sotalign", 5), checkpoint=checkpoint)
    method = method_of("sotalign")
    found = aligned(method, checkpoint=checkpoint, report=told.append, **changes)
    assert any("other settings or data, starting afresh" in line for line in told)
    assert_same(found, aligned(method, **changes))


def test_a_checkpoint_of_other_data_is_not_used(tmp_path):
    checkpoint, told = tmp_path / "run.pt", []
    with pytest.raises(Stopped):
        aligned(Stopping("sail", 5), checkpoint=checkpoint)
    images = rows(20, 6, 0)
    images[7] += 1
    asked = {"settings": TRAINING, "checkpoint": checkpoint, "report": told.append}
    fit(method_of("sail"), images, rows(20, 5, 1), device="cpu", **asked)
    assert any("starting afresh" in line for line in told)


def test_a_damaged_checkpoint_is_refused_by_name(tmp_path):
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(Stopped):
        aligned(Stopping("sail", 5), checkpoint=checkpoint)
    whole = checkpoint.read_bytes()
    for damaged in (b"", whole[:-1], whole[:200] + b"?" + whole[201:], whole[9:]):
        checkpoint.write_bytes(damaged)
        with pytest.raises(BlindmatchError, match=r"run\.pt: not a checkpoint .* delete it"):
            aligned(method_of("sail"), checkpoint=checkpoint)


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert np.allclose(rates[:10], np.arange(1, 11) / 10)
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert 0 < rates[99] < 0.001
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert rate(0, 1, 0.0) == 1.0
    assert rate(1, 2, 0.5) == 1.0


def test_batches_are_drawn_from_each_pool_on_its_own():
    seen = []

    class Looking(Method):
        def prepare(self, data, teacher, *, seed, report):
            def loss(student, outputs, batch):
                seen.append(batch)
                return sum(side.square().sum() for side in outputs.unpaired), {}

            return Objective(loss)

    drawn = {"pairs_per_step": 20, "unpaired_per_step": 25, "steps": 200}
    aligned(Looking(), training=TRAINING.model_copy(update=drawn))
    assert all(batch.pairs_whole for batch in seen)
    assert all(batch.unpaired_whole == (False, True) for batch in seen)
    assert all(torch.equal(batch.unpaired[1], torch.arange(25)) for batch in seen)
    counts = np.bincount(np.concatenate([batch.unpaired[0] for batch in seen]), minlength=30)
    assert len(counts) == 30
    assert counts.min() > 140  # 25 of 30 in 200 steps: 167 on average
    assert all(len(set(batch.unpaired[0].tolist())) == 25 for batch in seen)


def test_a_method_without_training_is_its_teacher():
    linear = fit_teacher(PROCRUSTES, rows(20, 6, 0), rows(20, 5, 1))
    expected = linear.images(rows(9, 6, 4)), linear.texts(rows(9, 5, 5))
    for teacher in (PROCRUSTES, linear):
        found = aligned(methods.build("linear", {}), teacher=teacher)
        assert all(map(np.array_equal, maps_of(found), expected))
        assert found.history == []


@pytest.mark.parametrize("slug", ["linear", "sotalign"])
def test_a_missing_teacher_is_told(slug):
    with pytest.raises(
        BlindmatchError, match=r"teacher: .* learns from a linear teacher, found none"
    ):
        aligned(methods.build(slug, {}), teacher=None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": rows(19, 6, 0)}, "as many of both, at least two, found 19 and 20"),
        ({"images": rows(20, 6, 0)[0]}, r"images: expected .* \(rows, dimension\), found float32"),
        ({"texts": np.full((20, 5), math.nan)}, "texts: expected finite numbers, found NaN"),
        ({"unpaired_texts": rows(9, 4, 0)}, r"unpaired_texts: expected .* \(rows, 5\), found"),
        ({"unpaired_images": np.ones((9, 6), dtype=np.int64)}, "unpaired_images: .* found int64"),
    ],
)
def test_what_is_no_embeddings_is_refused_by_name(changes, message):
    arrays = {"images": rows(20, 6, 0), "texts": rows(20, 5, 1)}
    with pytest.raises(BlindmatchError, match=message):
        fit(methods.build("sail", {}), **(arrays | changes), settings=TRAINING, device="cpu")


def test_half_precision_embeddings_are_raised():
    half = [rows(20, 6, 0).astype(np.float16), rows(20, 5, 1).astype(np.float16)]
    asked = {"settings": TRAINING, "device": "cpu"}
    found = fit(methods.build("sail", {}), *half, **asked)
    expected = fit(methods.build("sail", {}), *(each.astype(np.float32) for each in half), **asked)
    assert_same(found, expected)


def test_progress_tells_of_steps():
    told = []
    aligned(methods.build("sail", {}), report=told.append)
    assert any("trained 12 / 12 steps" in line for line in told)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("slug", sorted(methods))
def test_a_gpu_finds_about_the_same_maps(slug):
    method = methods.build(slug, {})
    training = TRAINING.model_copy(update={"steps": 3, "learning_rate": 1e-3})
    on_cpu, on_gpu = (
        maps_of(aligned(method, training=training, device=device)) for device in ("cpu", "cuda")
    )
    for first, second in zip(on_cpu, on_gpu, strict=True):
        assert np.allclose(first, second, atol=0.02)
