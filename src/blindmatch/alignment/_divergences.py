"""What SOTAlign compares KLOT with: two other divergences between affinity matrices.

The teacher gets no gradient. Both are computed in float32 or better.
"""

import torch
from torch.nn import functional

from blindmatch.alignment._sinkhorn import as_matrix, check_settings
from blindmatch.errors import BlindmatchError


def cka(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """1 - CKA of two affinity matrices: 1 - the cosine of both, rows and columns centred.

    SOTAlign, appendix, centres with H = I - 11^T / n. Between 0 and 2; 0 where one matrix is the
    other times a positive number, up to constants added to rows and columns. A matrix that is
    constant after centring has CKA 0 with all others.

    Parameters
    ----------
    student, teacher : torch.Tensor, shape (n, m)
    """
    student, teacher = _both(student, teacher)
    with torch.autocast(student.device.type, enabled=False):
        student, teacher = _centred(student).ravel(), _centred(teacher).ravel()
        return 1.0 - functional.cosine_similarity(student, teacher, dim=0)


def info_nce(
    student: torch.Tensor,
    teacher: torch.Tensor,
    *,
    epsilon_student: float = 0.05,
    epsilon_teacher: float = 0.01,
) -> torch.Tensor:
    """InfoNCE with a teacher's soft targets: KL(softmax(K* / eps*) || softmax(K / eps)), in nats.

    The mean over rows and the mean over columns count half each. With a large identity matrix as
    the teacher's K* it is the symmetric InfoNCE loss of CLIP with temperature eps.

    Parameters
    ----------
    student, teacher : torch.Tensor, shape (n, m)
    epsilon_student, epsilon_teacher : float
        Temperatures, in the unit of the affinities.
    """
    student, teacher = _both(student, teacher)
    check_settings(epsilon_student, 1, name="student")
    check_settings(epsilon_teacher, 1, name="teacher")
    with torch.autocast(student.device.type, enabled=False):
        sides = [
            functional.kl_div(
                functional.log_softmax(student / epsilon_student, dim),
                functional.log_softmax(teacher / epsilon_teacher, dim),
                reduction="sum",
                log_target=True,
            )
            / student.shape[1 - dim]
            for dim in (0, 1)
        ]
        return sum(sides) / 2.0


def _centred(matrix: torch.Tensor) -> torch.Tensor:
    rows = matrix - matrix.mean(dim=1, keepdim=True)
    return rows - rows.mean(dim=0, keepdim=True)


def _both(student: torch.Tensor, teacher: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    student, teacher = as_matrix("student", student), as_matrix("teacher", teacher).detach()
    if student.shape != teacher.shape:
        raise BlindmatchError(
            f"teacher: expected the student's shape {tuple(student.shape)}, "
            f"found {tuple(teacher.shape)}"
        )
    return student, teacher.to(student.dtype)
