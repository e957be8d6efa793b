"""KLOT of so many rows that no matrix of affinities fits into memory: it is made in blocks."""

import torch

from blindmatch.alignment._sinkhorn import (
    Potentials,
    as_matrix,
    check_settings,
    finite_range,
    full_precision,
    log_plan,
    row_blocks,
    solve_by_blocks,
)
from blindmatch.errors import BlindmatchError


def streaming_klot(
    student_images: torch.Tensor,
    student_texts: torch.Tensor,
    teacher_images: torch.Tensor,
    teacher_texts: torch.Tensor,
    *,
    epsilon_student: float = 0.05,
    epsilon_teacher: float = 0.01,
    iterations: int = 100,
    tolerance: float = 0.0,
    block: int = 256,
) -> torch.Tensor:
    """`blindmatch.alignment.klot` of the products of rows, without a matrix of affinities.

    Gradients with respect to the student's rows are explicit: with G the gradient for the
    affinities (SOTAlign, eq. 28), they are G @ student_texts and G.T @ student_images. Memory is of
    order (n + m) d + block * m, whatever the number of iterations; each iteration costs the
    affinities anew, in n m d operations.

    Parameters
    ----------
    student_images : torch.Tensor, shape (n, d)
    student_texts : torch.Tensor, shape (m, d)
        Unit rows, as a rule; half precision is raised to float32.
    teacher_images : torch.Tensor, shape (n, e)
    teacher_texts : torch.Tensor, shape (m, e)
        They get no gradient.
    epsilon_student, epsilon_teacher, iterations, tolerance
        As in `blindmatch.alignment.klot`.
    block : int
        Images whose affinities are held at a time.

    Returns
    -------
    torch.Tensor
        A scalar of the type of the student's images.

    Raises
    ------
    BlindmatchError
        If the arguments are no finite matrices whose shapes agree, an epsilon is not positive, or
        iterations or block are fewer than 1.
    """
    student = _sides("student", student_images, student_texts)
    teacher = [rows.detach() for rows in _sides("teacher", teacher_images, teacher_texts)]
    if [len(rows) for rows in student] != [len(rows) for rows in teacher]:
        raise BlindmatchError(
            f"teacher: expected {len(student[0])} images and {len(student[1])} texts as the "
            f"student has, found {len(teacher[0])} and {len(teacher[1])}"
        )
    check_settings(epsilon_student, iterations, name="student")
    check_settings(epsilon_teacher, iterations, name="teacher")
    if block < 1:
        raise BlindmatchError(f"block: expected at least 1 row, found {block}")
    options = (iterations, tolerance, row_blocks(student[0], block))
    return _Streaming.apply(*student, *teacher, epsilon_student, epsilon_teacher, *options)


class _Streaming(torch.autograd.Function):
    """Value; the gradients are made with it, as they need the same affinities."""

    @staticmethod
    def forward(
        ctx, images, texts, teacher_images, teacher_texts, eps, eps_teacher, most, tolerance, blocks
    ):
        def solve(images, texts, epsilon):
            return _solve(images, texts, epsilon, most, tolerance, blocks)

        value = torch.zeros((), dtype=torch.float64, device=images.device)
        image_gradient, text_gradient = torch.zeros_like(images), torch.zeros_like(texts)
        with full_precision(images):
            student = solve(images, texts, eps)
            teacher = solve(teacher_images, teacher_texts, eps_teacher)
            for rows in blocks:
                target = log_plan(
                    teacher_images[rows] @ teacher_texts.T, rows, teacher, eps_teacher
                )
                model = log_plan(images[rows] @ texts.T, rows, student, eps)
                gradient = model.exp()
                entries = target.exp()
                gradient.sub_(entries).div_(eps)
                value += torch.vdot(entries.ravel(), target.sub_(model).ravel())
                gradient = gradient.to(images.dtype)
                image_gradient[rows] = gradient @ texts
                text_gradient += gradient.T @ images[rows]
        ctx.save_for_backward(image_gradient, text_gradient)
        return value.to(images.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, value_gradient):
        gradients = [gradient * value_gradient for gradient in ctx.saved_tensors]
        return (*gradients, *[None] * 7)


def _solve(
    images: torch.Tensor,
    texts: torch.Tensor,
    epsilon: float,
    iterations: int,
    tolerance: float,
    blocks: list[slice],
) -> Potentials:
    return solve_by_blocks(
        lambda rows: images[rows] @ texts.T,
        blocks,
        torch.zeros(len(texts), dtype=torch.float64, device=texts.device),
        epsilon,
        iterations=iterations,
        tolerance=tolerance,
    )


def _sides(name: str, images: torch.Tensor, texts: torch.Tensor) -> list[torch.Tensor]:
    sides = []
    for side, rows in (("images", images), ("texts", texts)):
        sides.append(as_matrix(f"{name}_{side}", rows))
        finite_range(f"{name}_{side}", rows)
    if images.shape[1] != texts.shape[1]:
        raise BlindmatchError(
            f"{name}_texts: expected rows of {images.shape[1]} numbers as the {name}'s images "
            f"have, found {texts.shape[1]}"
        )
    return sides
