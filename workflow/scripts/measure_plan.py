"""Measure how sharp the transport plans of a teacher are."""

import argparse
from pathlib import Path

from blindmatch.alignment.corpora import read_corpora
from blindmatch.alignment.plans import plan_sharpness
from blindmatch.alignment.teachers import teachers
from blindmatch.embed import choose_device
from blindmatch.progress import say
from blindmatch.script import one_sentence, record, settings
from blindmatch.settings import SplitSettings, TeacherSettings
from blindmatch.storage import write_table

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--split", required=True)
parser.add_argument("--split-settings", type=settings(SplitSettings), required=True)
parser.add_argument("--teacher", required=True)
parser.add_argument("--teacher-settings", type=settings(TeacherSettings), required=True)
parser.add_argument("--vision", required=True)
parser.add_argument("--language", required=True)
parser.add_argument("--pair-count", type=int, required=True)
parser.add_argument("--unpaired-count", type=int, required=True)
parser.add_argument("--embeddings", type=Path, nargs="+", required=True)
parser.add_argument("--indexes", type=Path, nargs="+", required=True)
parser.add_argument("--classes", type=Path, nargs="+", required=True)
parser.add_argument("--device", required=True)
parser.add_argument("--asked", type=settings(dict[str, int | list[float]]), required=True)
parser.add_argument("--seed", type=int, required=True)
parser.add_argument("--output", type=Path, required=True)

if __name__ == "__main__":
    arguments = parser.parse_args()
    with one_sentence():
        split, teacher = arguments.split_settings, arguments.teacher_settings
        corpora, read = read_corpora(
            arguments.embeddings,
            arguments.indexes,
            arguments.classes,
            averaged=split.texts == "mean",
            prompted=split.zero_shot,
        )
        rows = plan_sharpness(
            corpora,
            split,
            teachers.build(teacher.teacher, teacher.options),
            pair_count=arguments.pair_count,
            unpaired_count=arguments.unpaired_count,
            **arguments.asked,
            seed=arguments.seed,
            device=choose_device(arguments.device),
            report=say,
        )
        write_table(
            arguments.output,
            list(rows),
            {
                "names": {
                    "split": arguments.split,
                    "teacher": arguments.teacher,
                    "vision": arguments.vision,
                    "language": arguments.language,
                    "pair_count": arguments.pair_count,
                    "unpaired_count": arguments.unpaired_count,
                },
                "split": split.model_dump(),
                "teacher": teacher.model_dump(),
                **record(
                    vars(arguments),
                    *("pyarrow", "scipy", "torch"),
                    seed=arguments.seed,
                    made_from=read,
                ),
            },
        )
