"""The training of a student: Lion, batches that depend on seed and step alone, checkpoints."""

import dataclasses
import hashlib
import math
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from lion_pytorch import Lion

from blindmatch.alignment._checkpoint import load_checkpoint, save_checkpoint
from blindmatch.alignment._student import BLOCK, Student, standardise
from blindmatch.alignment.methods import Batch, Method, Objective, TrainingData
from blindmatch.alignment.teachers import LinearTeacher
from blindmatch.alignment.training import Aligned
from blindmatch.progress import Progress, Report
from blindmatch.settings import TrainingSettings

_BETAS = (0.9, 0.99)
#: About how many steps the history tells of.
_TOLD_STEPS = 100
#: Rows of an array that tell it from others, for the identity of a checkpoint.
_PROBED_ROWS = 1000

Both = tuple[np.ndarray, np.ndarray]


def train(
    method: Method,
    pairs: Both,
    unpaired: Both,
    teacher: LinearTeacher | None,
    *,
    settings: TrainingSettings,
    seed: int,
    device: str,
    checkpoint: Path | None,
    report: Report | None,
) -> Aligned:
    """Train a student; arguments are checked, otherwise as for `blindmatch.alignment.fit`.

    Parameters
    ----------
    method : Method
    pairs, unpaired : (np.ndarray, np.ndarray)
        Images and texts.
    teacher : LinearTeacher or None
        Fitted.
    settings, seed, device, checkpoint, report
    """
    began = time.monotonic()
    data = TrainingData(*(_tensors(each, device) for each in (pairs, unpaired)))
    student = Student(*(rows.shape[1] for rows in pairs), settings.dimension, seed=seed).to(device)
    method.start(student, data, teacher)
    run = _Run(
        student,
        method.prepare(data, teacher, seed=seed, report=report),
        Lion(student.parameters(), betas=_BETAS, weight_decay=settings.weight_decay),
    )
    draw = _Draws(data, settings, seed)
    if checkpoint is not None:
        identity = _identity(method, pairs, unpaired, teacher, settings, seed, device)
        found = load_checkpoint(checkpoint, identity, device, report)
        if found is not None:
            run.restore(found)
            if report is not None:
                report(f"{checkpoint}: resuming after {run.done:,} steps")
    progress = Progress("trained", "steps", settings.steps, done=run.done, report=report)
    earlier, saved = run.seconds, time.monotonic()
    while run.done < settings.steps:
        run.step(draw, settings)
        progress.advance()
        now = time.monotonic()
        run.seconds = earlier + now - began
        if checkpoint is not None and now - saved >= settings.checkpoint_seconds:
            save_checkpoint(checkpoint, identity, run.state())
            saved = time.monotonic()
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return Aligned(
        _mapping(student.images, device),
        _mapping(student.texts, device),
        run.seconds,
        run.history,
        run.objective.diagnostics() | _divergences(run.history),
    )


@dataclasses.dataclass(eq=False)
class _Run:
    """All that changes from step to step, and so is in a checkpoint."""

    student: Student
    objective: Objective
    optimizer: Lion
    done: int = 0
    history: list[dict] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def step(self, draw: "_Draws", settings: TrainingSettings) -> None:
        """One step of the optimizer."""
        for group in self.optimizer.param_groups:
            share = rate(self.done, settings.steps, settings.warm_up)
            group["lr"] = settings.learning_rate * share
        batch = draw(self.done)
        with torch.autocast(batch.pairs.device.type, enabled=False):
            outputs = Outputs(self.student, draw, batch)
            loss, terms = self.objective.loss(self.student, outputs, batch)
            self.optimizer.zero_grad()
            loss.backward()
        self.optimizer.step()
        if _is_told(self.done, settings.steps):
            told = {name: float(value) for name, value in terms.items()}
            self.history.append({"step": self.done, "loss": float(loss.detach()), **told})
        self.done += 1

    def state(self) -> dict:
        """For a checkpoint."""
        return {
            "student": self.student.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "objective": self.objective.state,
            "done": self.done,
            "history": self.history,
            "seconds": self.seconds,
        }

    def restore(self, state: dict) -> None:
        """Go on from a checkpoint."""
        self.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective.state.update(state["objective"])
        self.done, self.history, self.seconds = (
            state[name] for name in ("done", "history", "seconds")
        )


def rate(step: int, steps: int, warm_up: float) -> float:
    """The learning rate of a step as a share of its peak: a linear rise, then half a cosine to 0.

    Parameters
    ----------
    step : int
        Counted from 0.
    steps : int
    warm_up : float
        Share of the steps in which it rises.
    """
    rising = round(warm_up * steps)
    if step < rising:
        return (step + 1) / rising
    return (1 + math.cos(math.pi * (step - rising) / (steps - rising))) / 2


class Outputs:
    """The student's unit rows of one step, each computed when it is first read.

    Attributes
    ----------
    pairs, unpaired : (torch.Tensor, torch.Tensor)
        Images and texts, shapes (rows, dimension).
    """

    def __init__(self, student: Student, draw: "_Draws", batch: Batch) -> None:
        self._student, self._draw, self._batch = student, draw, batch

    @cached_property
    def pairs(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._apply(self._draw.pairs, (self._batch.pairs, self._batch.pairs))

    @cached_property
    def unpaired(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self._apply(self._draw.unpaired, self._batch.unpaired)

    def _apply(self, pools, rows) -> tuple[torch.Tensor, torch.Tensor]:
        layers = self._student.vision, self._student.language
        return tuple(
            layer(pool.standardised(drawn))
            for layer, pool, drawn in zip(layers, pools, rows, strict=True)
        )


class _Pool:
    """Embeddings of which each step takes a random part, or all, where they are few."""

    def __init__(self, rows: torch.Tensor, per_step: int) -> None:
        self._rows, self._per_step = rows, per_step
        self.whole = len(rows) <= per_step
        if self.whole:
            self._all = torch.arange(len(rows), device=rows.device)
            self._standardised = standardise(rows)

    def draw(self, random: np.random.Generator) -> torch.Tensor:
        """Row numbers."""
        if self.whole:
            return self._all
        drawn = random.choice(len(self._rows), self._per_step, replace=False)
        return torch.as_tensor(drawn, device=self._rows.device)

    def standardised(self, drawn: torch.Tensor) -> torch.Tensor:
        """Drawn rows as a layer takes them."""
        return self._standardised if self.whole else standardise(self._rows[drawn])


class _Draws:
    """The batch of each step."""

    def __init__(self, data: TrainingData, settings: TrainingSettings, seed: int) -> None:
        self.pairs = tuple(_Pool(rows, settings.pairs_per_step) for rows in data.pairs)
        self.unpaired = tuple(_Pool(rows, settings.unpaired_per_step) for rows in data.unpaired)
        self._seed = seed

    def __call__(self, step: int) -> Batch:
        random = np.random.default_rng([self._seed, step])
        return Batch(
            step,
            self.pairs[0].draw(random),
            tuple(pool.draw(random) for pool in self.unpaired),
            self.pairs[0].whole,
            tuple(pool.whole for pool in self.unpaired),
            random,
        )


def _tensors(both: Both, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.as_tensor(rows, dtype=torch.float32, device=device) for rows in both)


def _mapping(apply: Callable[[torch.Tensor], torch.Tensor], device: str) -> Callable:
    """A map of tensors as one of arrays, some rows at a time."""

    def mapped(rows: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            blocks = torch.as_tensor(rows, dtype=torch.float32).split(BLOCK)
            return np.concatenate([apply(block.to(device)).cpu().numpy() for block in blocks])

    return mapped


def _is_told(step: int, steps: int) -> bool:
    return step == steps - 1 or step % max(1, steps // _TOLD_STEPS) == 0


def _divergences(history: list[dict]) -> dict[str, float]:
    if not history or "divergence" not in history[0]:
        return {}
    return {
        "divergence_start": history[0]["divergence"],
        "divergence_end": history[-1]["divergence"],
    }


def _identity(method, pairs, unpaired, teacher, settings, seed, device) -> str:
    """A digest of what decides the result; of large arrays, of rows spread over them."""
    digest = hashlib.sha256(repr((method, seed, device)).encode())
    # How often a checkpoint is written decides nothing.
    digest.update(settings.model_dump_json(exclude={"checkpoint_seconds", "device"}).encode())
    maps = () if teacher is None else (teacher.vision_map, teacher.language_map)
    for rows in (*pairs, *unpaired, *maps):
        probe = rows[:: max(1, len(rows) // _PROBED_ROWS)]
        digest.update(repr((rows.shape, str(rows.dtype))).encode())
        digest.update(np.ascontiguousarray(probe).tobytes())
    return digest.hexdigest()
