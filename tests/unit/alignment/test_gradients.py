import pytest

from blindmatch.alignment import gradients
from blindmatch.alignment.gradients import WAYS, measure_gradient
from blindmatch.errors import BlindmatchError

#: Affinities that Sinkhorn's algorithm is quick on.
SOFT = {"epsilon_student": 0.1, "epsilon_teacher": 0.05, "dimension": 32}


@pytest.mark.parametrize("way", WAYS)
def test_all_ways_lead_to_the_same_gradient(way):
    torch = pytest.importorskip("torch")
    from blindmatch.alignment._gradients import _WAYS, affinities

    inputs = {"size": 12, "dimension": 16, "seed": 0, "draw": 0, "device": "cpu"}
    for epsilons in ((0.05, 0.03), (0.2, 0.05)):
        pair = affinities(**inputs, dtype=torch.float64)
        expected = _WAYS["explicit"](*(each.clone() for each in pair), *epsilons, 3000)
        found = _WAYS[way](*pair, *epsilons, 3000)
        assert torch.allclose(found, expected, rtol=0, atol=1e-8 * float(expected.abs().max()))


def test_memory_is_flat_in_the_iterations_unless_they_are_unrolled():
    explicit = [measure_gradient(1000, most, "explicit", **SOFT) for most in (5, 80)]
    assert [row["status"] for row in explicit] == ["ok", "ok"]
    assert all(3.0 < row["matrices"] < 7.0 for row in explicit)
    assert abs(explicit[1]["matrices"] - explicit[0]["matrices"]) < 0.5
    unrolled = measure_gradient(1000, 20, "unrolled", **SOFT)
    assert unrolled["matrices"] > 40.0
    assert unrolled["error"] < 1e-4
    assert explicit[1]["error"] < 1e-4 < explicit[0]["error"]
    assert unrolled["megabytes"] == pytest.approx(4e6 * (unrolled["matrices"] - 2.0) / 1e6)


def test_affinities_depend_on_nothing_but_seed_and_draw():
    torch = pytest.importorskip("torch")
    from blindmatch.alignment._gradients import affinities

    def make(**changes):
        given = {"size": 20, "dimension": 400, "seed": 0, "draw": 0, "device": "cpu"}
        return affinities(**(given | changes), dtype=torch.float64)

    student, teacher = make()
    assert student.equal(make()[0])
    assert teacher.equal(make()[1])
    assert not student.equal(teacher)
    assert not student.equal(make(draw=1)[0])
    assert not student.equal(make(seed=1)[0])
    assert float(student.abs().max()) <= 1.0
    assert float(student.std()) == pytest.approx(400**-0.5, rel=0.2)


def test_what_cannot_fit_into_memory_is_not_tried(monkeypatch):
    monkeypatch.setattr(gradients, "_free_bytes", lambda: 10**9)
    said = []
    row = measure_gradient(2000, 100, "unrolled", report=said.append)
    assert row["status"] == "skipped"
    assert row["matrices"] is None
    assert said == [
        "unrolled gradient, n = 2000, 100 iterations: skipped, needs 3.5 GB where 1.0 GB are free"
    ]


def test_memory_that_runs_out_is_a_row(monkeypatch):
    monkeypatch.setattr(gradients, "_free_bytes", lambda: None)
    said = []
    # One matrix exceeds what a process can address.
    row = measure_gradient(10**7, 1, "explicit", dimension=1, report=said.append)
    assert row["status"] == "out of memory"
    assert row["seconds"] is None
    assert said == ["explicit gradient, n = 10000000, 1 iterations: out of memory"]


def test_another_way_is_refused():
    with pytest.raises(BlindmatchError, match=r"way: expected one of explicit, .* found 'magic'"):
        measure_gradient(10, 10, "magic")
