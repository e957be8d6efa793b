"""What the code must never do, found by name in its syntax; and that checkpoints run nothing."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src", "workflow", "benchmarks")

#: Modules that run what they read, or that talk in the clear.
MODULES = {
    *("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "code"),
    *("multiprocessing.connection", "ftplib", "telnetlib", "xmlrpc", "requests", "httpx"),
}
BUILTINS = {"eval", "exec", "compile", "__import__"}
#: Functions by the end of their dotted name.
CALLS = {
    *("os.system", "os.popen", "os.startfile"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "tempfile.mktemp"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"),
    *("joblib.load", "pandas.read_pickle", "pd.read_pickle", "torch.jit.load", "torch.hub.load"),
    *("extractall", "shutil.unpack_archive", "ssl._create_unverified_context"),
    *("urlopen", "urlretrieve", "build_opener", "download_url_to_file"),
}
#: Options that make a call one of these, unless they are switched off in so many words.
OPTIONS = {"shell", "allow_pickle", "trust_remote_code", "trust_repo"}

#: (file, what is found there) -> why it may stay.
EXCEPTIONS = {
    (
        "src/blindmatch/datasets/_synthetic.py",
        "pickle",
    ): "writes the format of CIFAR-100, reads none",
    ("src/blindmatch/datasets/download.py", "build_opener"): "checks scheme, redirects, checksum",
    ("src/blindmatch/models/_weights.py", "download_url_to_file"): "checks the sha256",
    (
        "src/blindmatch/alignment/_gradients.py",
        "multiprocessing.connection",
    ): "the child's end of the same pair",
    (
        "src/blindmatch/solvers/_child.py",
        "multiprocessing.connection",
    ): "to its own child process, by a pair of sockets that no other process has",
    (
        "src/blindmatch/solvers/_stoppable.py",
        "multiprocessing.connection",
    ): "the child's end of the same pair",
}


def dubious(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of everything that is refused."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            prefixes = {*names, *(name.partition(".")[0] for name in names)}
            yield from ((node.lineno, name) for name in prefixes & MODULES)
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, name) for name in dubious_call(node))
        elif isinstance(node, ast.Constant) and re.match(r"(http|ftp)://\w", str(node.value)):
            yield node.lineno, node.value


def dubious_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func) if isinstance(call.func, (ast.Name, ast.Attribute)) else ""
    parts = name.split(".")
    yield from {".".join(parts[first:]) for first in range(len(parts))} & CALLS
    yield from {name} & BUILTINS  # model.eval() and re.compile() are others
    options = {option.arg: ast.unparse(option.value) for option in call.keywords}
    if name == "torch.load" and options.get("weights_only") != "True":
        yield name
    yield from (option for option in OPTIONS & set(options) if options[option] != "False")


def findings() -> dict[tuple[str, str], int]:
    """(file, name) -> line, of everything dubious in the project."""
    files = [file for folder in FOLDERS for file in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) > 100
    return {
        (str(file.relative_to(ROOT)), name): line
        for file in files
        for line, name in dubious(ast.parse(file.read_text()))
    }


def test_nothing_dubious_is_done_but_what_has_a_reason():
    found = findings()
    unexpected = [f"{file}:{line}: {name}" for (file, name), line in found.items()
                  if (file, name) not in EXCEPTIONS]  # fmt: skip
    assert unexpected == []
    assert set(EXCEPTIONS) <= set(found), "an exception is not needed any more"


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "from multiprocessing import connection; import multiprocessing.connection",
        "eval(text)",
        "exec(text)",
        "os.system(command)",
        "subprocess.run(command, shell=True)",
        "subprocess.run(command, shell=chosen)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.hub.load(repository, name)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(stream, Loader)",
        "tarfile.open(path).extractall(folder)",
        "tempfile.mktemp()",
        "SentenceTransformer(name, trust_remote_code=True)",
        "urllib.request.urlopen(url)",
        "fetch('http://example.org/file')",
    ],
)
def test_each_dubious_thing_is_noticed(code):
    assert list(dubious(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "re.compile(pattern)",
        "model.eval()",
        "torch.load(path, weights_only=True)",
        "np.load(path)",
        "subprocess.run([program], shell=False)",
        "yaml.safe_load(stream)",
        "fetch('https://example.org/file')",
    ],
)
def test_what_is_harmless_is_let_through(code):
    assert not list(dubious(ast.parse(code)))


#: Placeholders that are numbers, or one of a few words that the configuration allows.
PLAIN = {"threads", "params.seed", "params.draws", "params.device"}


def test_shell_commands_quote_whatever_is_not_a_number_or_a_slug():
    texts = {file: file.read_text() for file in sorted((ROOT / "rules").glob("*.smk"))}
    commands = [
        (file.name, command)
        for file, text in texts.items()
        for command in re.findall(r"^ +shell:\n((?: +[\"'].*\n)+)", text, re.MULTILINE)
    ]
    assert len(commands) == sum(text.count("shell:\n") for text in texts.values()) > 10
    for file, command in commands:
        placeholders = set(re.findall(r"\{([^}:]+)\}", command))
        # All wildcards are slugs, integers or one of a few words, except a file of a dataset.
        unquoted = {name for name in placeholders - PLAIN if not name.startswith("wildcards.")}
        assert unquoted | placeholders & {"wildcards.source"} == set(), file
        assert not re.search(r'(?<!")\$', command), f"{file}: a variable that may hold spaces"


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def load_by_timm(path):
    import timm

    timm.create_model("resnet18", pretrained=True, pretrained_cfg_overlay={"file": str(path)})


def load_by_open_clip(path):
    import open_clip

    open_clip.create_model("RN50", pretrained=str(path))


def load_by_open_clip_as_openai(path):
    import open_clip

    open_clip.load_openai_model(str(path), precision="fp32", device="cpu")


@pytest.mark.parametrize("load", [load_by_timm, load_by_open_clip, load_by_open_clip_as_openai])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_libraries_refuse_a_checkpoint_that_would_run_code(load, tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("timm")
    pytest.importorskip("open_clip")
    trace, checkpoint = tmp_path / "trace", tmp_path / "pytorch_model.bin"
    torch.save({"state_dict": Hostile(trace)}, checkpoint)
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        load(checkpoint)
    assert not trace.exists()
    # The file would do harm where it is trusted.
    torch.load(checkpoint, weights_only=False)["state_dict"].close()
    assert trace.exists()
