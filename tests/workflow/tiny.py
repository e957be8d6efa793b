"""A study of everything on a handful of numbers: no images, no texts, no compiled solver but one.

`near` sees the classes as `words` describes them, up to a turn and a little noise; `far` sees
something else.
"""

import copy

import numpy as np

CLASSES, IMAGES, DRAWS = 8, 16, 3
PAIR = {"datasets": ["birds"], "vision": ["near", "far"], "language": ["words"], "metrics": ["gw"]}

STUDY = {
    "build": [
        "accuracy",
        "heat-map",
        "solvers",
        "scaling",
        "trust",
        "shuffling",
        "ratios",
        "classification",
        "ablation",
    ],
    # Never reached: what a time limit ends depends on how busy the machine is.
    "subsets": {"time_limit": 600, "method": "local-search"},
    "datasets": {
        "birds": {
            "loader": "embeddings",
            "labels": "labels.npy",
            "embeddings": {
                name: f"{name}.npy" for name in ("near", "far", "other", "words", "names")
            },
        }
    },
    "models": {
        **{name: {"modality": "vision", "family": "precomputed"} for name in ("near", "far")},
        "other": {"modality": "vision", "family": "precomputed"},
        **{name: {"modality": "language", "family": "precomputed"} for name in ("words", "names")},
    },
    "solvers": {
        "exact": {"solver": "brute-force", "time_limit": 60},
        "chance": {"solver": "random"},
        "descent": {"solver": "faq", "options": {"starts": 2}},
    },
    "clusterings": {
        "means": {"clustering": "k-means", "options": {"starts": 2}},
        "more-means": {"clustering": "k-means", "options": {"starts": 3}},
    },
    "experiments": {
        "all": {**PAIR, "solvers": ["exact", "chance"], "draws": DRAWS, "nulls": 4},
        "some": {
            **PAIR,
            "vision": ["near"],
            "solvers": ["exact"],
            "sizes": [4, CLASSES],
            "selections": ["oracle", "blind"],
            "ranks": 2,
            "draws": 2,
        },
    },
    "shuffles": {"shuffled": {**PAIR, "levels": 3, "draws": 2}},
    "ratios": {"ratios": {"datasets": ["birds"], "models": ["near"], "reference": "far"}},
    "classifications": {
        "clusters": {**PAIR, "clusterings": ["means"], "solvers": ["exact"], "draws": 2}
    },
    "ablations": {
        "steps": {
            "metric": "inner-product",
            "solvers": ["exact", "chance"],
            "sizes": [5],
            "dimension": 16,
            "draws": 2,
        }
    },
    "figures": {
        name: {"kind": name, "experiment": study, "title": f"Tiny {name}"}
        for name, study in {
            "accuracy": "all",
            "heat-map": "all",
            "solvers": "all",
            "trust": "all",
            "scaling": "some",
            "shuffling": "shuffled",
            "ratios": "ratios",
            "classification": "clusters",
            "ablation": "steps",
        }.items()
    },
    "plotting": {"near": {"label": "Near", "color": "#0072b2"}},
}


def write_study(project, name: str = "tiny.yaml", change=lambda study: None) -> tuple[str, str]:
    """Write the study, changed, into a project; the arguments that make Snakemake take it."""
    study = copy.deepcopy(STUDY)
    change(study)
    project.write_config(name, study)
    return "--configfile", name


def write_embeddings(project) -> None:
    """The files of numbers that the study is about."""
    rng = np.random.default_rng(0)
    points, others = rng.normal(size=(2, CLASSES, 6))
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    labels = np.repeat(np.arange(CLASSES), IMAGES)
    noise = 0.02 * rng.normal(size=(3, len(labels), 6))
    sides = {
        "near": points[labels] + noise[0],
        "far": others[labels] + noise[1],
        "other": points[labels] + 20 * noise[2],
        "words": points @ turn,
        "names": others @ turn,
    }
    for name, embeddings in sides.items():
        np.save(project.root / f"{name}.npy", embeddings.astype(np.float32))
    np.save(project.root / "labels.npy", labels)
