import functools
import json
import math

import numpy as np
import pytest

from blindmatch.alignment.corpora import Corpus
from blindmatch.alignment.methods import methods
from blindmatch.alignment.plans import plan_sharpness
from blindmatch.alignment.study import align_draws, draw_rows
from blindmatch.alignment.teachers import teachers
from blindmatch.errors import BlindmatchError
from blindmatch.script import canonical
from blindmatch.settings import SplitSettings, TrainingSettings

CLASSES = 120
SPLIT = SplitSettings(dataset="home", validation=10, test=15, criterion="mean_r5")
TRAINING = TrainingSettings(dimension=8, steps=60, learning_rate=0.01, device="cpu")


def corpus(seed=0, classes=CLASSES, noise=0.1):
    """Texts that are images turned, with a little noise."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(classes, 6))
    turn = np.linalg.qr(np.random.default_rng(99).normal(size=(6, 6)))[0]
    texts = images @ turn + noise * rng.normal(size=images.shape)
    labels = np.arange(classes)
    return Corpus(images.astype(np.float32), labels, texts.astype(np.float32), labels)


HOME = {"home": corpus()}


def rows_of(
    method="sotalign", candidates=({},), *, corpora=HOME, split=SPLIT, build=None, **changes
):
    entry = methods[method]
    asked = {
        "teacher": teachers.build("cca", {}) if entry.needs_teacher else None,
        "pair_count": 40,
        "unpaired_count": 20,
        "draws": 2,
        "tuning_draws": 1,
        "training": TRAINING,
        "seed": 42,
        "device": "cpu",
    }
    return list(
        align_draws(
            corpora,
            split,
            candidates,
            build or functools.partial(methods.build, method),
            **asked | changes,
        )
    )


def lasting(rows):
    """What two runs share: all but the times, as text."""
    return [canonical({name: row[name] for name in row if name != "seconds"}) for row in rows]


def test_every_draw_is_evaluated_once_and_the_same_again():
    rows = rows_of()
    assert [(row["draw"], row["evaluation"]) for row in rows] == [(0, "test"), (1, "test")]
    assert all(row["mean_r5"] > 2 * row["chance_r5"] for row in rows)
    assert all(math.isnan(row["top1"]) and row["images"] == 15 for row in rows)
    assert lasting(rows) == lasting(rows_of())


def test_options_are_chosen_on_validation_pairs_alone():
    """The test rows of the home dataset are made meaningless: the choice stays the same."""
    candidates = [{"beta": 0.001}, {"beta": 10.0}]
    rows = rows_of(candidates=candidates)
    each = [rows_of(candidates=[one], draws=1)[0]["validation_score"] for one in candidates]
    assert json.loads(rows[0]["chosen"]) == candidates[int(np.argmax(each))]
    parts = draw_rows(HOME, SPLIT, pair_count=40, unpaired_count=20, seed=42, draw=0).split
    images = HOME["home"].images.copy()
    images[parts.test_images] = np.random.default_rng(1).normal(size=(15, 6))
    spoilt = {"home": Corpus(images, *list(vars(HOME["home"]).values())[1:])}
    again = rows_of(candidates=candidates, corpora=spoilt, draws=1)
    assert again[0]["chosen"] == rows[0]["chosen"]
    assert again[0]["mean_r5"] < rows[0]["mean_r5"]


def test_what_is_not_tuned_is_not_told_as_chosen():
    rows = rows_of("sail", [{"unpaired_negatives": False}])
    assert {row["chosen"] for row in rows} == {"{}"}


def test_other_datasets_judge_and_give_unpaired_rows():
    corpora = HOME | {"other": corpus(1, 40), "texts": corpus(2, 30)}
    split = SplitSettings(
        dataset="home",
        unpaired_texts="texts",
        validation=10,
        retrieval=["other"],
        zero_shot=["other"],
    )
    rows = rows_of(corpora=corpora, split=split, draws=1)
    assert [(row["evaluation"], row["task"]) for row in rows] == [
        ("other", "retrieval"),
        ("other", "zero-shot"),
    ]
    assert (rows[0]["images"], rows[1]["classes"]) == (40, 40)
    assert rows[0]["mean_r1"] > rows[0]["chance_r1"]
    assert rows[1]["top1"] > rows[1]["chance"]
    drawn = draw_rows(corpora, split, pair_count=40, unpaired_count=20, seed=0, draw=0)
    texts = {row.tobytes() for row in corpora["texts"].texts}
    assert {row.tobytes() for row in drawn.pools[1]} <= texts
    assert {row.tobytes() for row in drawn.pools[0]} <= {
        row.tobytes() for row in HOME["home"].images
    }


def test_a_foreign_pool_that_is_too_small_is_refused():
    corpora = HOME | {"texts": corpus(2, 10)}
    split = SPLIT.model_copy(update={"unpaired_texts": "texts"})
    with pytest.raises(BlindmatchError, match="at most 10 for dataset 'texts', found 20"):
        rows_of(corpora=corpora, split=split)


def test_unpaired_images_and_texts_are_in_orders_of_their_own():
    drawn = draw_rows(HOME, SPLIT, pair_count=40, unpaired_count=20, seed=0, draw=0)
    rows = drawn.taken
    assert set(rows.unpaired_images) == set(rows.unpaired_texts)
    assert np.mean(rows.unpaired_images == rows.unpaired_texts) < 0.5
    assert not set(rows.unpaired_images) & set(rows.pairs[:, 0])


class Killed(Exception):
    pass


def test_a_killed_study_goes_on_with_the_trainings_that_it_has(tmp_path):
    folder, candidates = tmp_path / ".u20.runs", [{"beta": 1.0}, {"beta": 10.0}]
    made = []

    def build(options):
        if len(made) == 2:
            raise Killed
        made.append(options)
        return methods.build("sotalign", options)

    kept = {"folder": folder, "settings_digest": "one"}
    with pytest.raises(Killed):
        rows_of(candidates=candidates, build=build, **kept)
    assert len(list(folder.glob("*.json"))) == 2
    made.pop()  # one more may be made
    rows = rows_of(candidates=candidates, build=build, **kept)
    assert lasting(rows) == lasting(rows_of(candidates=candidates))
    assert not folder.exists()


def test_trainings_of_other_settings_are_not_used(tmp_path):
    folder = tmp_path / ".u20.runs"
    folder.mkdir()
    (folder / "settings").write_text("other")
    (folder / "draw0-candidate0.json").write_text("[]")
    said = []
    rows = rows_of(folder=folder, settings_digest="one", report=said.append)
    assert len(rows) == 2
    assert any("other settings" in sentence for sentence in said)


def test_a_damaged_training_is_named(tmp_path):
    folder = tmp_path / ".u20.runs"
    folder.mkdir()
    (folder / "settings").write_text("one")
    (folder / "draw0-candidate0.json").write_text("[")
    with pytest.raises(BlindmatchError, match=r"draw0-candidate0\.json"):
        rows_of(folder=folder, settings_digest="one")


def test_plans_are_the_sharper_the_smaller_epsilon_is():
    rows = list(
        plan_sharpness(
            HOME,
            SPLIT,
            teachers.build("cca", {}),
            pair_count=40,
            unpaired_count=20,
            epsilons=[0.01, 1.0],
            draws=2,
            seed=42,
            device="cpu",
        )
    )
    assert [(row["draw"], row["epsilon"]) for row in rows] == [
        (0, 0.01),
        (0, 1.0),
        (1, 0.01),
        (1, 1.0),
    ]
    assert rows[0]["perplexity"] < 3
    assert 15 < rows[1]["perplexity"] <= 20 == rows[1]["columns"]
