# From wildcards to inputs and params of alignments, beside the functions that all rules share.

# Whose logic decides what a training gives, beside its method and teacher.
ALIGNING = [
    "blindmatch.alignment._checkpoint",
    "blindmatch.alignment._divergences",
    "blindmatch.alignment._klot",
    "blindmatch.alignment._losses",
    "blindmatch.alignment._sinkhorn",
    "blindmatch.alignment._streaming",
    "blindmatch.alignment._student",
    "blindmatch.alignment._training",
    "blindmatch.alignment.corpora",
    "blindmatch.alignment.methods",
    "blindmatch.alignment.methods._divergence",
    "blindmatch.alignment.retrieval",
    "blindmatch.alignment.splits",
    "blindmatch.alignment.study",
    "blindmatch.alignment.teachers",
    "blindmatch.alignment.training",
    "blindmatch.prototypes",
]
# And what an alignment without pairs gives.
ALIGNING_BLINDLY = [
    *ALIGNING,
    *MATCHING,
    "blindmatch.alignment._rounds",
    "blindmatch.alignment.blind",
    "blindmatch.classification",
    "blindmatch.clusterings",
]


def split_of(wildcards):
    """The split in the path of a target."""
    return SplitSettings(**named("splits", wildcards.split))


def split_embeddings(wildcards):
    """Input function: every embedding that a split needs, of the models in the path."""
    return embeddings_of(split_of(wildcards), [wildcards.vision], [wildcards.language])


def split_indexes(wildcards):
    """Input function: rows and labels of the images of a split."""
    return [f"results/datasets/{name}/index.h5" for name in split_of(wildcards).vision_datasets]


def split_classes(wildcards):
    """Input function: names and prompts of the texts of a split."""
    return [f"results/datasets/{name}/classes.h5" for name in split_of(wildcards).language_datasets]


def teacher_of(wildcards):
    """Params function: the settings of the teacher that a method learns from."""
    name = named("methods", wildcards.method)["teacher"]
    return canonical(name and named("teachers", name))


def teacher_code_of(wildcards):
    """Params function: digest of the logic of the teacher that a method learns from."""
    name = named("methods", wildcards.method)["teacher"]
    return name and code_digest(teachers[named("teachers", name)["teacher"]].__module__)
