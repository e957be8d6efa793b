from types import SimpleNamespace

import numpy as np
import pytest

from blindmatch.alignment.methods import Batch, TrainingData, methods
from blindmatch.alignment.teachers import fit_teacher, teachers
from blindmatch.errors import BlindmatchError

torch = pytest.importorskip("torch")

from blindmatch.alignment._divergences import cka, info_nce  # noqa: E402
from blindmatch.alignment._klot import klot  # noqa: E402
from blindmatch.alignment._losses import siglip  # noqa: E402
from blindmatch.alignment._sinkhorn import perplexity, plan  # noqa: E402
from blindmatch.alignment._student import Student  # noqa: E402
from blindmatch.alignment.methods.nnclr import nearest, take  # noqa: E402

PAIRS, IMAGES, TEXTS = 12, 9, 7


def rows(count, dimension, seed):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(count, dimension))).float()


DATA = TrainingData((rows(PAIRS, 6, 0), rows(PAIRS, 5, 1)), (rows(IMAGES, 6, 2), rows(TEXTS, 5, 3)))
TEACHER = fit_teacher(teachers.build("cca", {}), *(side.numpy() for side in DATA.pairs))
STUDENT = Student(6, 5, 4, seed=5).requires_grad_(False)


def batch(step=0, *, pairs=None, unpaired=(None, None)):
    """Of the given rows; None stands for all."""
    sizes = [len(side) for side in DATA.unpaired]
    return Batch(
        step,
        torch.arange(PAIRS) if pairs is None else torch.tensor(pairs),
        tuple(
            torch.arange(size) if part is None else torch.tensor(part)
            for size, part in zip(sizes, unpaired, strict=True)
        ),
        pairs is None,
        tuple(part is None for part in unpaired),
        np.random.default_rng([3, step]),
    )


def outputs_of(drawn):
    layers = STUDENT.images, STUDENT.texts
    pairs = zip(layers, DATA.pairs, strict=True)
    unpaired = zip(layers, DATA.unpaired, drawn.unpaired, strict=True)
    return SimpleNamespace(
        pairs=tuple(layer(side[drawn.pairs]) for layer, side in pairs),
        unpaired=tuple(layer(pool[part]) for layer, pool, part in unpaired),
    )


def objective_of(slug, options, *, data=DATA, seed=0):
    method = methods.build(slug, options)
    return method.prepare(data, TEACHER, seed=seed, report=None)


def loss_of(slug, options, drawn=None, *, seed=0):
    drawn = drawn or batch()
    value, terms = objective_of(slug, options, seed=seed).loss(STUDENT, outputs_of(drawn), drawn)
    return float(value), {name: float(term) for name, term in terms.items()}


def s_row(similarity, positives=None):
    return float(siglip(similarity, STUDENT.scale, STUDENT.bias, positives))


def supervised(drawn=None):
    images, texts = outputs_of(drawn or batch()).pairs
    return s_row(images @ texts.T)


def teacher_affinity(drawn=None):
    drawn = drawn or batch()
    images, texts = (
        torch.from_numpy(apply(pool[part].numpy()))
        for apply, pool, part in zip(
            (TEACHER.images, TEACHER.texts), DATA.unpaired, drawn.unpaired, strict=True
        )
    )
    return images @ texts.T


def student_affinity(drawn=None):
    images, texts = outputs_of(drawn or batch()).unpaired
    return images @ texts.T


def test_sail_is_siglip_on_the_pairs_of_the_step():
    assert loss_of("sail", {})[0] == supervised()
    drawn = batch(pairs=[3, 1, 8])
    assert loss_of("sail", {}, drawn)[0] == supervised(drawn)


def test_sail_counts_unpaired_rows_as_negatives_in_two_blocks():
    outputs = outputs_of(batch())
    (images, texts), (more_images, more_texts) = outputs.pairs, outputs.unpaired
    first = s_row(images @ torch.cat([texts, more_texts]).T)
    second = s_row(texts @ torch.cat([images, more_images]).T)
    found, _ = loss_of("sail", {"unpaired_negatives": True})
    assert found == pytest.approx((first + second) / 2)
    assert found > supervised()


def test_structure_keeps_what_resembles_what():
    from scipy.spatial.distance import jensenshannon

    def distributions(sides):
        for side in sides:
            unit = side / side.norm(dim=1, keepdim=True)
            unit = unit - unit.mean(dim=0)
            yield (unit @ unit.T / 0.07).softmax(dim=1).numpy()

    outputs = outputs_of(batch())
    for unpaired in (False, True):
        before, after = DATA.pairs, outputs.pairs
        if unpaired:
            before = [torch.cat(both) for both in zip(before, DATA.unpaired, strict=True)]
            after = [torch.cat(both) for both in zip(after, outputs.unpaired, strict=True)]
        both = zip(distributions(before), distributions(after), strict=True)
        expected = np.mean([np.mean(jensenshannon(*each, axis=1) ** 2) for each in both])
        found, terms = loss_of("structure", {"unpaired": unpaired, "weight": 3.0})
        assert terms["structure"] == pytest.approx(expected, rel=1e-4)
        assert found == pytest.approx(supervised() + 3 * expected, rel=1e-4)


@pytest.mark.parametrize(("step", "share"), [(0, 0.0), (5, 0.5), (10, 1.0), (50, 1.0)])
def test_the_weight_of_structure_rises(step, share):
    found, terms = loss_of("structure", {"weight": 3.0, "warm_up": 10}, batch(step))
    assert found == pytest.approx(terms["siglip"] + share * 3 * terms["structure"])


@pytest.mark.parametrize("slug", ["structure", "s-clip", "sotalign"])
def test_nothing_of_one_part_is_kept_for_the_next(slug):
    objective = objective_of(slug, {})
    parts = [
        batch(0, pairs=[2, 5, 4], unpaired=([1, 3, 2, 8], [6, 0, 1])),
        batch(1, pairs=[7, 0, 1], unpaired=([0, 4, 5, 6], [3, 2, 5])),
    ]
    values = [float(objective.loss(STUDENT, outputs_of(part), part)[0]) for part in parts]
    assert values == [loss_of(slug, {}, part)[0] for part in parts]
    assert values[0] != values[1]


def test_neighbours_are_the_nearest_other_rows(monkeypatch):
    monkeypatch.setattr("blindmatch.alignment.methods.nnclr._BLOCK", 7)
    monkeypatch.setattr("blindmatch.alignment.methods.nnclr._PART", 6)
    pool = rows(40, 3, 6)
    unit = pool / pool.norm(dim=1, keepdim=True)
    similarity = (unit @ unit.T).fill_diagonal_(-2)
    expected = similarity.argsort(dim=1, descending=True)[:15]
    for k in (1, 4, 39, 99):
        assert torch.equal(nearest(pool[:15], pool[15:], k), expected[:, : min(k, 39)])
    assert torch.equal(take(pool[:15], pool[15:], expected[0]), pool[expected[0]])


def test_nnclr_adds_neighbours_as_positives():
    drawn = batch(pairs=[3, 1, 8, 0])
    draws = np.random.default_rng([3, 0])
    extra = 0.0
    for side in (0, 1):
        near = nearest(DATA.pairs[side], DATA.unpaired[side], 2)
        chosen = near[drawn.pairs, draws.integers(2, size=4)]
        layer = (STUDENT.images, STUDENT.texts)[side]
        pool = torch.cat([DATA.pairs[side], DATA.unpaired[side]])
        similarity = outputs_of(drawn).pairs[1 - side] @ layer(pool[chosen]).T
        positives = torch.tensor(
            [
                [int(j) in (int(i), int(own)) for j in chosen]
                for i, own in zip(chosen, drawn.pairs, strict=True)
            ]
        )
        extra += s_row(similarity, positives) / 2
    found, terms = loss_of("nnclr", {"k": 2, "weight": 3.0}, drawn)
    assert terms["neighbours"] == pytest.approx(extra, rel=1e-4)
    assert found == pytest.approx(supervised(drawn) + 3 * extra, rel=1e-4)


@pytest.mark.parametrize("joint", [False, True])
@pytest.mark.parametrize("target", ["hard", "soft", "ot"])
def test_s_clip_teaches_which_captions_unpaired_images_resemble(target, joint):
    outputs, expected = outputs_of(batch()), 0.0
    for side in (0, 1):
        unpaired, pairs = (
            (outputs.unpaired[side], outputs.pairs[side])
            if joint
            else (DATA.unpaired[side], DATA.pairs[side])
        )
        similarity = torch.nn.functional.cosine_similarity(unpaired[:, None], pairs, dim=2)
        shares = {
            "hard": (similarity == similarity.amax(dim=1, keepdim=True)).float(),
            "soft": (similarity / 0.1).softmax(dim=1),
            "ot": len(similarity) * plan(similarity, 0.1, iterations=5000),
        }[target]
        logits = STUDENT.scale * outputs.unpaired[side] @ outputs.pairs[1 - side].T
        expected -= float((shares * logits.log_softmax(dim=1)).sum() / len(logits)) / 2
    options = {"target": target, "temperature": 0.1, "joint": joint, "weight": 2.0}
    found, terms = loss_of("s-clip", {**options, "iterations": 5000})
    assert terms["pseudo"] == pytest.approx(expected, rel=1e-4)
    assert found == pytest.approx(supervised() + 2 * expected, rel=1e-4)


def test_s_clip_gives_no_gradient_through_its_targets():
    student = Student(6, 5, 4, seed=5)
    drawn = batch()
    outputs = SimpleNamespace(
        pairs=tuple(side.detach().requires_grad_() for side in outputs_of(drawn).pairs),
        unpaired=tuple(side.detach().requires_grad_() for side in outputs_of(drawn).unpaired),
    )
    objective_of("s-clip", {"target": "soft", "joint": True}).loss(student, outputs, drawn)[
        0
    ].backward()
    frozen = SimpleNamespace(pairs=outputs_of(drawn).pairs, unpaired=outputs.unpaired)
    before = [side.grad.clone() for side in outputs.unpaired]
    for side in outputs.unpaired:
        side.grad = None
    logits = [student.scale * frozen.unpaired[side] @ frozen.pairs[1 - side].T for side in (0, 1)]
    shares = [
        (frozen.unpaired[side].detach() @ frozen.pairs[side].T / 0.05).softmax(dim=1)
        for side in (0, 1)
    ]
    both = zip(logits, shares, strict=True)
    sum(torch.nn.functional.cross_entropy(*each) / 2 for each in both).backward()
    for found, side in zip(before, outputs.unpaired, strict=True):
        torch.testing.assert_close(found, side.grad)


@pytest.mark.parametrize(
    ("divergence", "compare"),
    [
        ("klot", lambda s, t: klot(s, t, epsilon_student=0.1, epsilon_teacher=0.3, iterations=999)),
        ("cka", cka),
        ("info-nce", lambda s, t: info_nce(s, t, epsilon_student=0.1, epsilon_teacher=0.3)),
    ],
)
def test_sotalign_adds_the_divergence_from_the_teacher(divergence, compare):
    options = {"divergence": divergence, "epsilon_student": 0.1, "epsilon_teacher": 0.3}
    for drawn in (batch(), batch(pairs=[2, 5], unpaired=([1, 3, 2], [6, 0, 1, 4]))):
        expected = float(compare(student_affinity(drawn), teacher_affinity(drawn)))
        found, terms = loss_of("sotalign", {**options, "beta": 7.0, "iterations": 999}, drawn)
        assert terms["divergence"] == pytest.approx(expected, rel=1e-3)
        assert found == pytest.approx(supervised(drawn) + 7 * expected, rel=1e-3)


def test_the_teacher_plan_of_whole_pools_is_converged_however_few_the_iterations():
    options = {"iterations": 1, "epsilon_teacher": 0.05}
    objective, drawn = objective_of("sotalign", options), batch()
    objective.loss(STUDENT, outputs_of(drawn), drawn)
    found = objective.diagnostics()
    assert found["marginal_error"] <= 1e-6
    expected = perplexity(plan(teacher_affinity(), 0.05, iterations=5000))
    assert found["perplexity"] == pytest.approx(expected, rel=1e-4)
    part = batch(unpaired=(list(range(IMAGES - 1)), None))
    objective = objective_of("sotalign", options)
    objective.loss(STUDENT, outputs_of(part), part)
    assert objective.diagnostics()["marginal_error"] > 1e-4


def test_the_students_potentials_start_the_next_step():
    objective, drawn = objective_of("sotalign", {"iterations": 2}), batch()
    values = [
        float(objective.loss(STUDENT, outputs_of(drawn), drawn)[1]["divergence"]) for _ in range(30)
    ]
    converged = loss_of("sotalign", {"iterations": 2000})[1]["divergence"]
    assert values[-1] == pytest.approx(converged, abs=1e-3)
    assert abs(values[0] - converged) > 10 * abs(values[-1] - converged)


def test_streaming_gives_the_same_loss():
    options = {"epsilon_teacher": 0.1, "iterations": 500}
    whole, _ = loss_of("sotalign", options)
    streamed, _ = loss_of("sotalign", {**options, "streaming": True})
    assert streamed == pytest.approx(whole, rel=1e-3)


def test_only_klot_streams():
    with pytest.raises(BlindmatchError, match="streaming: expected divergence 'klot'"):
        methods.build("sotalign", {"streaming": True, "divergence": "cka"})


def test_the_shuffled_control_permutes_the_teachers_images():
    options = {"divergence": "cka", "shuffled": True}
    order = np.random.default_rng(8).permutation(IMAGES)
    _, terms = loss_of("sotalign", options, seed=8)
    expected = float(cka(student_affinity(), teacher_affinity()[torch.as_tensor(order)]))
    assert terms["divergence"] == pytest.approx(expected, rel=1e-4)
    assert not np.array_equal(order, np.arange(IMAGES))


def test_a_student_may_start_at_the_teacher():
    # LayerNorm changes nothing but lengths where the entries of each row have the mean 0.
    centred = [side - side.mean(dim=1, keepdim=True) for side in DATA.pairs]
    teacher = fit_teacher(teachers.build("procrustes", {}), *(side.numpy() for side in centred))
    student = Student(6, 5, 5, seed=1)
    data = TrainingData(tuple(centred), DATA.unpaired)
    methods.build("sotalign", {}).start(student, data, teacher)
    untouched = Student(6, 5, 5, seed=1)
    assert torch.equal(student.vision.weight, untouched.vision.weight)
    methods.build("sotalign", {"start_at_teacher": True}).start(student, data, teacher)
    with torch.no_grad():
        found = student.images(centred[0]) @ student.texts(centred[1]).T
    expected = teacher.images(centred[0].numpy()) @ teacher.texts(centred[1].numpy()).T
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_without_a_divergence_there_are_no_diagnostics():
    empty = TrainingData(DATA.pairs, (DATA.unpaired[0], DATA.unpaired[1][:0]))
    objective = objective_of("sotalign", {}, data=empty)
    value, terms = objective.loss(STUDENT, outputs_of(batch()), batch())
    assert float(value) == supervised()
    assert list(terms) == ["siglip"]
    assert objective.diagnostics() == {}


@pytest.mark.parametrize(
    ("slug", "options"),
    [("sotalign", {"divergence": "kl"}), ("s-clip", {"target": "mean"}), ("nnclr", {"k": "few"})],
)
def test_options_outside_of_their_range_are_refused(slug, options):
    with pytest.raises(BlindmatchError, match=f"'{slug}': option"):
        methods.build(slug, options)
