import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from blindmatch.alignment.methods import methods
from blindmatch.alignment.teachers import teachers
from blindmatch.clusterings import clusterings
from blindmatch.config import json_schema, load_config, read_yaml
from blindmatch.datasets import loaders
from blindmatch.errors import BlindmatchError
from blindmatch.metrics import metrics
from blindmatch.models import families
from blindmatch.settings import SLUG
from blindmatch.solvers import solvers

ROOT = Path(__file__).parents[2]


def load(raw):
    return load_config(
        raw,
        loaders=loaders,
        families=families,
        metrics=metrics,
        solvers=solvers,
        clusterings=clusterings,
        teachers=teachers,
        methods=methods,
    )


@pytest.fixture
def raw():
    return {
        "datasets": {
            "toys": {"loader": "image-folder", "path": "toys.zip", "classes": 12},
            "mine": {
                "loader": "embeddings",
                "embeddings": {"my-vision": "v.npy", "my-language": "l.npy"},
            },
        },
        "models": {
            "my-vision": {"modality": "vision", "family": "precomputed"},
            "my-language": {"modality": "language", "family": "precomputed"},
            "other-vision": {"modality": "vision", "family": "precomputed"},
            "pixels": {"modality": "vision", "family": "pixels"},
        },
        "metrics": {"gw": {"metric": "gw"}},
        "solvers": {"random": {"solver": "random"}, "exact": {"solver": "brute-force"}},
        "experiments": {
            "trial": {
                "datasets": ["mine"],
                "vision": ["my-vision"],
                "language": ["my-language"],
                "metrics": ["gw"],
                "solvers": ["random"],
                "sizes": [5, 10],
            }
        },
        "figures": {"trial": {"kind": "scaling", "experiment": "trial", "title": "Trial"}},
        "build": ["trial"],
    }


def test_defaults_are_filled_in_and_values_stay_plain(raw):
    config = load(raw)
    assert config["seed"] == 42
    assert config["experiments"]["trial"]["ranks"] == 1
    assert json.loads(json.dumps(config)) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(sed=1), r"sed: unknown key \(did you mean 'seed'\?\)"),
        (
            lambda c: c["models"]["pixels"].update(famly="x"),
            r"models\.pixels\.famly: unknown key \(did you mean 'family'\?\)",
        ),
        (
            lambda c: c["experiments"]["trial"].update(vision=["my-visoin"]),
            r"experiments\.trial\.vision: unknown vision model 'my-visoin' "
            r"\(did you mean 'my-vision'\?\)",
        ),
        (
            lambda c: c["experiments"]["trial"].update(vision=["my-language"]),
            r"unknown vision model 'my-language'",
        ),
        (
            lambda c: c["experiments"]["trial"].update(datasets=["toy"]),
            r"experiments\.trial\.datasets: unknown dataset 'toy' \(did you mean 'toys'\?\)",
        ),
        (
            lambda c: c["experiments"]["trial"].update(datasets=["toys"], sizes=[10, 13]),
            r"experiments\.trial\.sizes: 13 classes asked for, dataset 'toys' has 12",
        ),
        (
            lambda c: c["experiments"]["trial"].update(draws=21),
            r"experiments\.trial\.draws: 21 asked for, config key draws keeps 20",
        ),
        (
            lambda c: c["experiments"]["trial"].update(vision=["other-vision"]),
            r"dataset 'mine' has no embeddings of 'other-vision'",
        ),
        (
            lambda c: c["experiments"]["trial"].update(vision=["pixels"]),
            r"dataset 'mine' holds embeddings only, 'pixels' needs images",
        ),
        (
            lambda c: c["figures"]["trial"].update(experiment="trail"),
            r"figures\.trial\.experiment: unknown experiment 'trail' \(did you mean 'trial'\?\)",
        ),
        (lambda c: c.update(build=["trail"]), r"build: unknown figure 'trail'"),
        (
            lambda c: c["models"].update({"ViT-L/14": c["models"]["pixels"]}),
            r"models\.ViT-L/14: 'ViT-L/14' cannot stand in a path",
        ),
        (
            lambda c: c["models"]["pixels"].update(family="pixel"),
            r"models\.pixels: unknown model family 'pixel' \(did you mean 'pixels'\?\)",
        ),
        (
            lambda c: c["datasets"]["toys"].update(loader="image-fodler"),
            r"datasets\.toys: unknown dataset loader 'image-fodler'",
        ),
        (
            lambda c: c["metrics"]["gw"].update(options={"k": 3}),
            r"metrics\.gw: metric 'gw' has no option 'k'",
        ),
        (
            lambda c: c["solvers"]["random"].update(solver="randon"),
            r"solvers\.random: unknown solver 'randon' \(did you mean 'random'\?\)",
        ),
        (
            lambda c: c["datasets"]["toys"].update(prompts=["a photo"]),
            r"datasets\.toys\.prompts: 'a photo' must hold \{\} exactly once",
        ),
        (lambda c: c["solvers"]["random"].update(time_limit=0), r"solvers\.random\.time_limit"),
        (
            lambda c: c["datasets"]["toys"].update(
                sources={"a.zip": {"url": "https://a.b/a.zip", "synthetic": "cifar-10"}}
            ),
            r"datasets\.toys\.sources\.a\.zip: a synthetic file has neither url nor checksum",
        ),
        (
            lambda c: c["solvers"]["random"].update(metric="gv"),
            r"solvers\.random\.metric: unknown metric 'gv'",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="scalling"),
            r"figures\.trial\.kind: found 'scalling'",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="solver-scaling", bounds=["random"]),
            r"figures\.trial\.bounds: solver 'random' gives no bounds that could be drawn",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="solver-scaling", bounds=["exact"]),
            r"figures\.trial\.bounds: 'exact' is not a solver of 'trial'",
        ),
        (
            lambda c: c["experiments"]["trial"].update(sizes=None),
            r"figures\.trial: kind 'scaling' expects 'trial' to have sizes",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="trust"),
            r"figures\.trial: kind 'trust' expects 'trial' to have nulls",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="model-size"),
            r"figures\.trial\.score: kind 'model-size' expects a metric, found none",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="heat-map", metric="cka"),
            r"figures\.trial\.metric: 'cka' is not a metric of 'trial'",
        ),
        (
            lambda c: c["figures"]["trial"].update(kind="shuffling"),
            r"figures\.trial\.experiment: unknown shuffle 'trial'",
        ),
        (
            lambda c: c["experiments"]["trial"].update(selections=["best"]),
            r"experiments\.trial\.selections\.0: found 'best'",
        ),
        (
            lambda c: c.update(
                ratios={"r": {"datasets": ["mine"], "models": ["pixel"], "reference": "my-vision"}}
            ),
            r"ratios\.r\.models: unknown vision model 'pixel' \(did you mean 'pixels'\?\)",
        ),
    ],
)
def test_a_mistake_is_answered_with_the_key_and_what_was_expected(raw, change, message):
    change(raw)
    with pytest.raises(BlindmatchError, match=message):
        load(raw)


def test_a_slug_that_stands_twice_is_refused_with_both_lines(tmp_path):
    path = tmp_path / "models.yaml"
    path.write_text("models:\n  dino: {family: timm}\n  clip: {}\n  dino: {family: hub}\n")
    with pytest.raises(BlindmatchError, match=r"models\.yaml: 'dino' stands twice, in lines 2 and"):
        read_yaml(path)


def test_anchors_and_merge_keys_work(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")
    assert read_yaml(path)["y"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [("- a\n", "expected a mapping, found list"), ("a: [", "not a readable YAML file")],
)
def test_a_file_that_is_no_mapping_is_named(tmp_path, text, message):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(BlindmatchError, match=message):
        read_yaml(path)
    with pytest.raises(BlindmatchError, match=r"absent\.yaml: cannot be read"):
        read_yaml(tmp_path / "absent.yaml")


def test_the_schema_for_editors_is_current():
    kept = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    assert kept == json_schema(), "run: python -m blindmatch.config > workflow/schemas/..."


def test_every_shipped_file_fits_the_schema():
    for path in sorted((ROOT / "config").glob("*.yaml")):
        jsonschema.validate(yaml.safe_load(path.read_text()), json_schema())


def test_every_key_is_explained_in_the_config_readme():
    readme = (ROOT / "config/README.md").read_text()
    for name, section in {"Config": json_schema(), **json_schema()["$defs"]}.items():
        for key in section.get("properties", {}):
            assert f"`{key}`" in readme, f"{name}.{key} is not explained"


@pytest.mark.parametrize("name", ["clip-vit-l-14-336", "emoji100_scaling", "glove.6b"])
def test_slugs(name):
    assert re.fullmatch(SLUG, name)


@pytest.mark.parametrize("name", ["ViT", "a/b", "a--b", "-a", "a@b", ""])
def test_what_cannot_stand_in_a_path_is_no_slug(name):
    assert not re.fullmatch(SLUG, name)
