"""Train one method on one number of pairs and of unpaired rows, and evaluate it."""

import argparse
from pathlib import Path

from blindmatch.alignment.corpora import read_corpora
from blindmatch.alignment.methods import methods
from blindmatch.alignment.study import align_draws
from blindmatch.alignment.teachers import teachers
from blindmatch.embed import choose_device
from blindmatch.progress import say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import (
    MethodSettings,
    SplitSettings,
    TeacherSettings,
    TrainingSettings,
)
from blindmatch.storage import write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--split", required=True)
parser.add_argument("--split-settings", type=settings(SplitSettings), required=True)
parser.add_argument("--method", required=True)
parser.add_argument("--method-settings", type=settings(MethodSettings), required=True)
parser.add_argument("--teacher-settings", type=settings(TeacherSettings | None), required=True)
parser.add_argument("--vision", required=True)
parser.add_argument("--language", required=True)
parser.add_argument("--pair-count", type=int, required=True)
parser.add_argument("--unpaired-count", type=int, required=True)
parser.add_argument("--embeddings", type=Path, nargs="+", required=True)
parser.add_argument("--indexes", type=Path, nargs="+", required=True)
parser.add_argument("--classes", type=Path, nargs="+", required=True)
parser.add_argument("--training", type=settings(TrainingSettings), required=True)
parser.add_argument("--asked", type=settings(dict[str, int]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)


def build(options):
    """The method with some of its options."""
    return methods.build(arguments.method_settings.method, options)


if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        split, method = arguments.split_settings, arguments.method_settings
        corpora, read = read_corpora(
            arguments.embeddings,
            arguments.indexes,
            arguments.classes,
            averaged=split.texts == "mean",
            prompted=split.zero_shot,
        )
        made = record(
            vars(arguments),
            *("pyarrow", "scipy", "torch", "lion-pytorch"),
            seed=arguments.seed,
            made_from=read,
        )
        teacher = arguments.teacher_settings
        rows = align_draws(
            corpora,
            split,
            method.candidates(),
            build,
            teacher=teacher and teachers.build(teacher.teacher, teacher.options),
            pair_count=arguments.pair_count,
            unpaired_count=arguments.unpaired_count,
            **arguments.asked,
            training=arguments.training,
            seed=arguments.seed,
            device=choose_device(arguments.training.device),
            folder=arguments.output.with_name(f".{arguments.output.stem}.runs"),
            settings_digest=made["settings_digest"],
            report=say,
        )
        write_table(
            arguments.output,
            list(rows),
            {
                "names": {
                    "split": arguments.split,
                    "method": arguments.method,
                    "vision": arguments.vision,
                    "language": arguments.language,
                    "pair_count": arguments.pair_count,
                    "unpaired_count": arguments.unpaired_count,
                    "teacher": method.teacher,
                    "divergence": getattr(build(method.candidates()[0]), "divergence", None),
                },
                "split": split.model_dump(),
                "method": method.model_dump(),
                "teacher": teacher and teacher.model_dump(),
                "training": arguments.training.model_dump(),
                **made,
            },
        )
