import importlib.metadata
import platform
from pathlib import Path

import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.progress import say
from blindmatch.script import logged, one_sentence, record
from blindmatch.settings import DatasetSettings, SolverSettings

SETTINGS = {
    "solver": "exact",
    "solver_settings": SolverSettings(solver="brute-force", time_limit=60),
    "metrics": {"gw": {"metric": "gw"}},
    "size": 10,
}


def digest(settings=SETTINGS, **options):
    return record(settings, **options)["settings_digest"]


def test_a_record_is_flat_and_holds_versions_and_seed():
    described = record(SETTINGS, "h5py", "sklearn", "no-such-library", seed=42)
    assert described == {
        "settings_digest": digest(),
        "version_python": platform.python_version(),
        "version_blindmatch": importlib.metadata.version("blindmatch"),
        "version_numpy": importlib.metadata.version("numpy"),
        "version_h5py": importlib.metadata.version("h5py"),
        "version_sklearn": importlib.metadata.version("scikit-learn"),
        "version_no-such-library": "absent",
        "seed": 42,
    }
    assert "seed" not in record(SETTINGS)


@pytest.mark.parametrize(
    "change",
    [
        {"size": 11},
        {"solver_settings": SolverSettings(solver="brute-force", time_limit=61)},
        {"solver_settings": SolverSettings(solver="brute-force", options={"max_size": 9})},
        {"metrics": {"gw": {"metric": "cka"}}},
    ],
)
def test_every_setting_counts(change):
    assert digest(SETTINGS | change) != digest()


@pytest.mark.parametrize(
    "change", [{"threads": 4}, {"output": Path("x.h5")}, {"vision": [Path("a"), Path("b")]}]
)
def test_places_and_threads_do_not_count(change):
    assert digest(SETTINGS | change) == digest()


def test_neither_the_order_of_settings_nor_where_the_users_files_lie_counts():
    assert digest(dict(reversed(SETTINGS.items()))) == digest()
    here = {"loader": "embeddings", "path": "a.zip", "embeddings": {"m": "a"}, "labels": "l"}
    there = {"loader": "embeddings", "path": "b.zip", "embeddings": {"m": "b"}, "labels": "m"}
    first, second, other = (
        digest({"dataset": DatasetSettings(**entry)})
        for entry in (here, there, there | {"paired": False})
    )
    assert first == second != other


def test_what_it_was_made_from_counts_even_without_a_record():
    chain = [digest(made_from=made) for made in ([], [{}], [{"settings_digest": "a"}])]
    assert len(set(chain)) == 3
    assert digest(made_from=[{"settings_digest": "a", "seed": 1}]) == chain[2]


def test_a_log_holds_what_is_said_and_an_unforeseen_error(tmp_path, capsys):
    def work():
        say("half way")
        return 1 / 0

    log = tmp_path / "job.log"
    with pytest.raises(ZeroDivisionError), logged(log), one_sentence():
        work()
    assert log.read_text().startswith("half way\nTraceback")
    assert "ZeroDivisionError" in log.read_text()
    say("back on the terminal")
    assert capsys.readouterr().err == "back on the terminal\n"


def test_a_log_holds_one_sentence_of_a_foreseen_error(tmp_path):
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit), logged(log), one_sentence():
        raise BlindmatchError("birds.npy: cannot be read")
    assert log.read_text() == "error: birds.npy: cannot be read\n"
