"""What a change of the tiny study reruns: only what hangs on it, in every section."""

import pytest

from tests.workflow.tiny import write_study

#: Figures and tables of the experiment `all`, and of all studies.
SHOWN = {
    "figure_accuracy": 1,
    "table_accuracy": 1,
    "figure_heat_map": 1,
    "table_heat_map": 1,
    "table_solvers": 1,
    "figure_trust": 1,
    "table_trust": 1,
}


@pytest.fixture
def rerun(tiny):
    """What would run after a change of the configuration."""
    return lambda change=lambda study: None: tiny.jobs(*write_study(tiny, "changed.yaml", change))


def setting(section, study, **changes):
    return lambda config: config[section][study].update(changes)


def test_nothing_is_to_be_done_a_second_time(rerun):
    assert rerun() == {}


def test_a_vision_model_more_runs_its_own_jobs(rerun):
    assert rerun(setting("experiments", "all", vision=["near", "far", "other"])) == {
        "embed_vision": 1,
        "compute_kernel_vision": 1,
        "match_all": 2,
        "aggregate": 1,
        **SHOWN,
        "describe_run": 1,
        "all": 1,
    }


def test_a_solver_more_runs_its_own_jobs(rerun):
    assert rerun(setting("experiments", "all", solvers=["exact", "chance", "descent"])) == {
        "match_all": 2,
        "aggregate": 1,
        **SHOWN,
        "describe_run": 1,
        "all": 1,
    }


def test_a_metric_with_a_new_kernel_computes_that_kernel_and_no_other(rerun):
    assert rerun(setting("experiments", "all", metrics=["gw", "cka"])) == {
        "compute_kernel_vision": 2,
        "compute_kernel_language": 1,
        "match_all": 4,
        "aggregate": 1,
        **SHOWN,
        "describe_run": 1,
        "all": 1,
    }


def test_a_metric_with_a_kernel_that_exists_computes_none(rerun):
    jobs = rerun(setting("experiments", "all", metrics=["gw", "kl"]))
    assert jobs == {"match_all": 4, "aggregate": 1, **SHOWN, "describe_run": 1, "all": 1}


@pytest.mark.parametrize("change", [{"nulls": 5}, {"draws": 4}])
def test_more_nulls_or_draws_match_again_and_no_more(rerun, change):
    jobs = rerun(setting("experiments", "all", **change))
    assert jobs == {"match_all": 4, "aggregate": 1, **SHOWN, "describe_run": 1, "all": 1}


def test_a_rank_more_selects_and_matches_the_subsets_of_its_experiment(rerun):
    jobs = rerun(setting("experiments", "some", ranks=3))
    assert jobs == {
        "select_subsets": 4,
        "match": 4,
        "aggregate": 1,
        "figure_scaling": 1,
        "table_scaling": 1,
        "describe_run": 1,
        "all": 1,
    }


def test_a_colour_draws_what_shows_it_and_computes_nothing(rerun):
    jobs = rerun(lambda config: config["plotting"]["near"].update(color="#d55e00"))
    assert {rule.partition("_")[0] for rule in jobs} == {"figure", "table", "describe", "all"}
    # Everything shows this model but the ablation.
    assert "table_ablation" not in jobs
    assert jobs["figure_shuffling"] == jobs["table_classification"] == jobs["figure_accuracy"] == 1


def test_a_title_draws_one_figure(rerun):
    jobs = rerun(setting("figures", "trust", title="Belief"))
    assert jobs == {"figure_trust": 1, "table_trust": 1, "describe_run": 1, "all": 1}


def test_a_model_more_is_shuffled_alone_and_a_metric_more_with_all(rerun):
    drawn = {
        "aggregate": 1,
        "figure_shuffling": 1,
        "table_shuffling": 1,
        "describe_run": 1,
        "all": 1,
    }
    more = rerun(setting("shuffles", "shuffled", vision=["near", "far", "other"]))
    assert more == {"embed_vision": 1, "shuffle": 1, **drawn}
    again = rerun(setting("shuffles", "shuffled", metrics=["gw", "cka"]))
    assert again == {"shuffle": 2, **drawn}


def test_a_model_more_has_its_ratios_measured_alone(rerun):
    jobs = rerun(setting("ratios", "ratios", models=["near", "other"]))
    assert (jobs["embed_vision"], jobs["measure_ratios"]) == (1, 1)
    assert set(jobs) == {
        *("embed_vision", "measure_ratios", "aggregate", "figure_ratios", "table_ratios"),
        *("describe_run", "all"),
    }


def test_clusters_are_found_once_for_all_solvers_and_language_models(rerun):
    drawn = {"aggregate": 1, "table_classification": 1, "describe_run": 1, "all": 1}
    solver = rerun(setting("classifications", "clusters", solvers=["exact", "chance"]))
    assert solver == {"classify": 2, **drawn}
    language = rerun(setting("classifications", "clusters", language=["words", "names"]))
    embedded = {"embed_language": 1, "compute_kernel_language": 1}
    assert language == {**embedded, "classify": 2, **drawn}
    clustering = rerun(setting("classifications", "clusters", clusterings=["means", "more-means"]))
    assert clustering == {"cluster": 2, "classify": 2, **drawn}
    draw = rerun(setting("classifications", "clusters", draws=3))
    assert draw == {"cluster": 2, "classify": 2, **drawn}


def test_a_solver_more_is_all_that_an_ablation_runs(rerun):
    jobs = rerun(setting("ablations", "steps", solvers=["exact", "chance", "descent"]))
    assert jobs == {
        "solve_ablation": 1,
        "aggregate": 1,
        "table_ablation": 1,
        "describe_run": 1,
        "all": 1,
    }
