"""What would run, without running it."""

import pytest

SCALING = {
    "fetch_source": 1,
    "index_dataset": 1,
    "describe_classes": 1,
    "draw_halves": 1,
    "embed_vision": 3,
    "embed_language": 1,
    "compute_kernel_vision": 3,
    "compute_kernel_language": 1,
    "select_subsets": 30,
    "match": 30,
    "aggregate": 1,
    "figure_scaling": 1,
}


def test_the_cards_call_plans_the_expected_jobs(project):
    jobs = project.jobs("results/figures/cifar100_scaling.pdf")
    assert jobs == SCALING


def test_the_paper_target_plans_both_datasets(project):
    jobs = project.jobs("paper")
    assert (jobs["embed_vision"], jobs["match"], jobs["figure_scaling"]) == (6, 60, 2)
    assert (jobs["table_scaling"], jobs["paper"]) == (2, 1)


def test_the_demo_needs_no_download(project):
    jobs = project.jobs("--configfile", "config/demo.yaml")
    assert "fetch_source" not in jobs
    assert (jobs["embed_vision"], jobs["embed_language"], jobs["match"]) == (3, 1, 30)


def test_every_dataset_and_model_of_the_config_has_its_target(project):
    import yaml

    def names(file, section):
        return yaml.safe_load((project.root / "config" / file).read_text())[section]

    models = names("models.yaml", "models")
    targets = [
        f"results/embeddings/cifar-10/{entry['modality']}/{slug}.h5"
        for slug, entry in models.items()
        if entry["family"] != "precomputed"
    ]
    targets += [f"results/datasets/{slug}/draws.h5" for slug in names("datasets.yaml", "datasets")]
    jobs = project.jobs(*targets)
    assert jobs["embed_vision"] + jobs["embed_language"] == len(targets) - jobs["draw_halves"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("models:\n  a: {modality: vision, famly: timm}\n", r"did you mean 'family'?"),
        ("models:\n  twin: {}\n  twin: {}\n", "'twin' stands twice, in lines 2 and 3"),
        ("build: [cifar100_scalign]\n", "unknown figure 'cifar100_scalign' (did you mean"),
        ("experiments: {emoji100_scaling: {sizes: [101]}}\n", "dataset 'emoji-100' has 100"),
    ],
)
def test_a_mistake_in_the_config_ends_with_one_sentence(project, content, message):
    (project.root / "mistake.yaml").write_text(content)
    output = project.fail("--dry-run", "--configfile", "mistake.yaml")
    assert message in output
    assert "Traceback" not in output


def test_an_unknown_model_in_a_path_is_named(project):
    output = project.fail("--dry-run", "results/embeddings/emoji-100/vision/no-such-net.h5")
    assert "unknown model 'no-such-net'" in output
