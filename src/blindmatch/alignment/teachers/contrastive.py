"""Two linear maps trained on the pairs: the best linear model alone, not the best teacher."""

import dataclasses

import numpy as np

from blindmatch.alignment.teachers import Teacher, teachers
from blindmatch.errors import BlindmatchError

#: Standard deviation of the first maps. Their scale is free, since projections are normalised; the
#: same for all dimensions, a step of the optimizer turns small maps as far as large ones.
_START = 0.02


@teachers.register("contrastive")
@dataclasses.dataclass(frozen=True)
class Contrastive(Teacher):
    """The maps that the sigmoid loss of the pairs leads to (SOTAlign, Tab. 1, third teacher).

    Scale and bias of the loss are learned, from 20 and -10; Adam, the learning rate falls to 0
    along a cosine.

    Parameters
    ----------
    dimension : int or None
        Of the shared space; None: the smaller one of both sides.
    steps : int
        Many steps remember few pairs, and find others less and less.
    learning_rate : float
        At the start.
    pairs_per_step : int
        All pairs, where there are fewer; memory grows with its square.
    """

    dimension: int | None = None
    steps: int = 200
    learning_rate: float = 3e-4
    pairs_per_step: int = 10_000

    def maps(
        self, images: np.ndarray, texts: np.ndarray, *, seed: int, device: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """See `blindmatch.alignment.teachers.Teacher`.

        Raises
        ------
        BlindmatchError
            If an option is not positive.
        """
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not value > 0:
                raise BlindmatchError(f"{name}: expected a number > 0, found {value}")
        import torch
        from torch.nn.functional import normalize

        from blindmatch.alignment._losses import siglip

        sides = [torch.from_numpy(rows).to(device, torch.float32) for rows in (images, texts)]
        dimension = self.dimension or min(images.shape[1], texts.shape[1])
        # Drawn on the CPU, so that every device starts at the same maps.
        generator = torch.Generator().manual_seed(seed)
        maps = [
            _START * torch.randn(rows.shape[1], dimension, generator=generator) for rows in sides
        ]
        maps = [each.to(device) for each in maps]
        log_scale = torch.tensor(20.0, device=device).log()
        bias = torch.tensor(-10.0, device=device)
        parameters = [each.requires_grad_() for each in (*maps, log_scale, bias)]
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.steps)
        for _ in range(self.steps):
            chosen = torch.randperm(len(images), generator=generator)[: self.pairs_per_step]
            chosen = chosen.to(device)
            unit = [normalize(rows[chosen] @ each) for rows, each in zip(sides, maps, strict=True)]
            loss = siglip(unit[0] @ unit[1].T, log_scale.exp(), bias)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        vision, language = (each.detach().double().cpu().numpy() for each in maps)
        return vision, language
