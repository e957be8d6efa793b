import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.studies import (
    CLUSTERS,
    SUBSETS,
    ClassificationSettings,
    ExperimentSettings,
    PhaseSettings,
    ShuffleSettings,
    demands,
)


def experiment(**changes):
    return ExperimentSettings(
        **{
            "datasets": ["birds"],
            "vision": ["v1", "v2"],
            "language": ["l1"],
            "metrics": ["gw"],
            "solvers": ["faq"],
            "sizes": [5, 10],
            **changes,
        }
    )


def test_every_combination_is_a_file():
    assert experiment(vision=["v1"], selections=["oracle", "blind"]).files() == [
        f"results/matchings/birds/gw/{selection}/faq/v1/l1/n{size}.parquet"
        for selection in ("oracle", "blind")
        for size in (5, 10)
    ]


def test_without_sizes_a_pair_of_models_is_one_file():
    study = experiment(sizes=None, metrics=["gw", "cka"])
    assert study.files() == [
        "results/matchings/birds/faq/v1/l1/all.parquet",
        "results/matchings/birds/faq/v2/l1/all.parquet",
    ]


def test_settings_that_are_no_lists_are_in_paths_too():
    study = PhaseSettings(metric="gw", solver="auto", dimension=3, sizes=[9], noises=[0, 5])
    assert study.files() == [
        f"results/phases/gw/auto/d3/n9/noise{noise}.parquet" for noise in (0, 5)
    ]


def test_a_file_must_hold_the_most_that_any_study_asks():
    first = experiment(draws=20, ranks=1)
    second = experiment(vision=["v2"], sizes=[10], draws=3, ranks=10, nulls=9)
    asked = demands([first, second])
    assert len(asked) == 4
    shared = asked["results/matchings/birds/gw/oracle/faq/v2/l1/n10.parquet"]
    assert shared == {"draws": 20, "ranks": 10, "nulls": 9}
    alone = asked["results/matchings/birds/gw/oracle/faq/v1/l1/n10.parquet"]
    assert alone == {"draws": 20, "ranks": 1, "nulls": 0}


def test_metrics_of_a_whole_dataset_are_united_in_order():
    first = experiment(sizes=None, metrics=["gw", "cka"])
    second = experiment(sizes=None, metrics=["kl", "gw"])
    asked = demands([first, second])
    assert asked["results/matchings/birds/faq/v1/l1/all.parquet"]["metrics"] == ["gw", "cka", "kl"]


def test_subsets_and_clusters_are_shared():
    subsets = demands([experiment(ranks=2), experiment(solvers=["tabu"], ranks=5)], SUBSETS)
    assert subsets["results/subsets/birds/gw/oracle/v1/l1/n5.h5"]["ranks"] == 5
    study = ClassificationSettings(
        datasets=["birds"],
        vision=["v1"],
        language=["l1", "l2"],
        metrics=["gw"],
        clusterings=["k-means"],
        solvers=["faq"],
        draws=4,
    )
    assert demands([study], CLUSTERS)["results/clusters/birds/k-means/v1.h5"]["draws"] == 4


def test_studies_of_one_file_must_agree_where_numbers_cannot_be_joined():
    same = {"datasets": ["birds"], "vision": ["v"], "language": ["l"], "metrics": ["gw"]}
    demands([ShuffleSettings(**same, draws=1), ShuffleSettings(**same, draws=2)])
    with pytest.raises(BlindmatchError, match="ask for the same levels, found 21 and 5"):
        demands([ShuffleSettings(**same), ShuffleSettings(**same, levels=5)])


@pytest.mark.parametrize("name", ["datasets", "vision", "metrics", "solvers"])
def test_empty_lists_are_refused(name):
    with pytest.raises(ValueError, match=name):
        experiment(**{name: []})
