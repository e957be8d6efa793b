"""The linear teacher alone."""

import dataclasses

from blindmatch.alignment.methods import Method, methods


@methods.register("linear")
@dataclasses.dataclass(frozen=True)
class Linear(Method):
    """No student: the linear teacher, fitted on the pairs, maps both modalities."""

    needs_teacher = True
    trains = False
