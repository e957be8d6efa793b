"""A finished study that tests copy, damage and mend."""

import pytest

from tests.faults.study import STAGES, TARGETS, copied, published, results, write_all_stages
from tests.workflow.conftest import Project


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """A project with all results of all stages, and the call that made them; left as it is."""
    pytest.importorskip("sklearn")
    project = Project(tmp_path_factory.mktemp("whole"))
    with published() as address:
        call = (*TARGETS, *write_all_stages(project, address))
        project.build(*call)
        yield project, call


@pytest.fixture
def unfinished(whole, tmp_path):
    """A function that takes the results of some stages out of a copy of the finished project.

    It hands out the project, the call that makes them again, and all results as they were.
    """
    finished, (*_, option, study) = whole
    project = copied(finished, tmp_path)

    def remove(*stages):
        targets = [target for stage in stages for target in STAGES[stage]]
        for target in targets:
            (project.root / target).unlink()
        return project, (*targets, option, study), results(finished.root)

    return remove
