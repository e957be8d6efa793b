"""Each rule has a conda environment, which holds all that its script can come to import.

Nothing is installed or run: imports are followed through the source, from definition to definition.
"""

import ast
import functools
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENTS = {file.name: yaml.safe_load(file.read_text()) for file in ROOT.glob("envs/*.yaml")}

RULE = re.compile(r"^ *rule(?: \w+)?:$", re.MULTILINE)
EDITABLE = re.compile(r'-e "\$\{BLINDMATCH_ROOT\}\[([a-z,]+)\]"')
IMPORTS = (ast.Import, ast.ImportFrom)


class Rule(NamedTuple):
    script: str
    environment: str | None


def rules() -> list[Rule]:
    """What every rule runs, and in which environment."""
    texts = [file.read_text() for file in sorted(ROOT.glob("rules/*.smk"))]
    bodies = [body for text in texts for body in RULE.split(text)[1:]]
    scripts = [re.findall(r"workflow/scripts/(\w+\.py)", body) for body in bodies]
    environments = [re.findall(r"\.\./envs/([\w-]+\.yaml)", body) for body in bodies]
    assert all(len(found) == 1 for found in scripts)
    return [
        Rule(script, environment[0] if environment else None)
        for (script,), environment in zip(scripts, environments, strict=True)
    ]


class Place(NamedTuple):
    """A definition at the top level of a module; "" is what importing the module runs."""

    module: str
    name: str


@functools.cache
def path_of(module: str) -> Path | None:
    """The file of a module of the package."""
    path = ROOT / "src" / module.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in files if file.is_file()), None)


@functools.cache
def definitions(module: str) -> dict[str, list[ast.stmt]]:
    """Name -> the statements at the top level that define it; "" -> those that stay."""
    found = {"": []}
    for statement in ast.parse(path_of(module).read_text()).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            found.setdefault(statement.name, []).append(statement)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = getattr(statement, "targets", None) or [statement.target]
            for name in (node.id for each in targets for node in ast.walk(each) if is_name(node)):
                found.setdefault(name, []).append(statement)
        elif not (isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.dump(statement.test)):
            found[""].append(statement)
    return found


def is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def everything(module: str) -> set[Place]:
    return {Place(module, name) for name in definitions(module)}


def submodules(package: str) -> list[str]:
    """The public modules of a package; the module itself where it is none."""
    file = path_of(package)
    if file.name != "__init__.py":
        return [package]
    return [f"{package}.{each.stem}" for each in file.parent.glob("*.py") if each.stem[0] != "_"]


def imported(statement: ast.stmt) -> Iterator[tuple[str, set[Place] | str]]:
    """Name that an import binds -> where it leads in the package, or the foreign package."""
    for alias in statement.names:
        module = getattr(statement, "module", None) or alias.name
        if module.partition(".")[0] != "blindmatch":
            yield alias.asname or alias.name, module.partition(".")[0]
        elif isinstance(statement, ast.ImportFrom) and path_of(f"{module}.{alias.name}") is None:
            yield alias.asname or alias.name, {Place(module, alias.name), Place(module, "")}
        else:
            yield (
                alias.asname or alias.name,
                everything(
                    f"{module}.{alias.name}" if path_of(f"{module}.{alias.name}") else module
                ),
            )


def optional(statement: ast.stmt) -> set[str]:
    """Foreign packages that code does without, as it catches that they cannot be imported."""
    return {
        target
        for node in ast.walk(statement)
        if isinstance(node, ast.Try) and "ImportError" in map(ast.unparse, handled(node))
        for line in node.body
        if isinstance(line, IMPORTS)
        for _, target in imported(line)
        if isinstance(target, str)
    }


def handled(node: ast.Try) -> list[ast.expr]:
    return [handler.type for handler in node.handlers if handler.type]


@functools.cache
def leads_to(place: Place) -> tuple[set[Place], set[str], set[str]]:
    """Definitions that one uses, foreign packages that it imports, those it can do without."""
    known = definitions(place.module)
    top = [line for line in known[""] if isinstance(line, IMPORTS)]
    bound = {name: target for line in top for name, target in imported(line)}
    places, foreign, spare = {Place(place.module, "")}, set(), set()
    for statement in known.get(place.name, ()):
        spare |= optional(statement)
        for node in ast.walk(statement):
            if isinstance(node, IMPORTS):
                for _, target in imported(node):
                    # What a module imports it need not use: its users' names decide.
                    if isinstance(target, str):
                        foreign.add(target)
                    elif place.name:
                        places |= target
                    else:
                        places |= {Place(each.module, "") for each in target}
            # A child process is told by its name which function serves there.
            used = getattr(node, "id", None) or getattr(node, "value", None)
            if isinstance(node, (ast.Name, ast.Constant)) and isinstance(used, str):
                if used in known and used:
                    places.add(Place(place.module, used))
                elif isinstance(node, ast.Name) and isinstance(bound.get(used), set):
                    places |= bound[used]
            if isinstance(node, ast.Call):
                places |= discovered(node, place.module)
    if place.name in bound and isinstance(bound[place.name], set):
        places |= bound[place.name]
    return places, foreign, spare


def discovered(call: ast.Call, module: str) -> set[Place]:
    """What a call finds by name: the members of a registry, the modules of a package."""
    function = ast.unparse(call.func)
    if function == "Registry":
        package = call.args[1]
        module = module if is_name(package) else package.value
    elif not (function.endswith("import_module") and "__name__" in ast.unparse(call)):
        return set()
    return {place for name in (module, *submodules(module)) for place in everything(name)}


def needs(script: str) -> set[str]:
    """Foreign packages that a script of the workflow can come to import."""
    tree = ast.parse((ROOT / "workflow" / "scripts" / script).read_text())
    lines = [node for node in ast.walk(tree) if isinstance(node, IMPORTS)]
    targets = [target for line in lines for _, target in imported(line)]
    foreign = {target for target in targets if isinstance(target, str)}
    spare, seen = set(), set()
    waiting = {place for target in targets if isinstance(target, set) for place in target}
    while waiting:
        seen |= waiting
        steps = [leads_to(place) for place in waiting]
        waiting = {place for places, *_ in steps for place in places} - seen
        foreign |= {name for _, names, _ in steps for name in names}
        spare |= {name for *_, names in steps for name in names}
    return foreign - spare - sys.stdlib_module_names


def declared(extras: set[str]) -> set[str]:
    """Names of the distributions that the package asks for with some extras."""
    optional_ones = PROJECT["optional-dependencies"]
    lines = PROJECT["dependencies"] + [line for extra in extras for line in optional_ones[extra]]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def extras_of(environment: str) -> set[str]:
    requirements = ENVIRONMENTS[environment]["dependencies"][-1]["pip"]
    return set(EDITABLE.fullmatch(requirements[0])[1].split(","))


installed = functools.cache(importlib.metadata.packages_distributions)


def lacking(script: str, environment: str) -> set[str]:
    """What a script needs and an environment does not ask for."""
    distributions = installed()
    asked = declared(extras_of(environment))
    return {
        name
        for name in needs(script)
        if not asked & {canonicalize_name(each) for each in distributions.get(name, [name])}
    }


def test_every_rule_has_an_environment_and_every_environment_a_rule():
    assert len(rules()) > 15
    assert {rule.environment for rule in rules()} == set(ENVIRONMENTS)


@pytest.mark.parametrize("rule", sorted(set(rules())), ids=lambda rule: f"{rule.script[:-3]}")
def test_an_environment_holds_what_its_rule_imports(rule):
    assert lacking(rule.script, rule.environment) == set()


@pytest.mark.parametrize(
    ("script", "environment", "absent"),
    [
        ("draw_halves.py", "match.yaml", "torch"),
        ("cluster.py", "match.yaml", "sklearn"),
        ("match.py", "plot.yaml", "ot"),
        ("draw_figure.py", "match.yaml", "matplotlib"),
        ("embed_vision.py", "cluster.yaml", "timm"),
    ],
)
def test_an_environment_that_lacks_something_is_noticed(script, environment, absent):
    assert absent in lacking(script, environment)


@pytest.mark.parametrize("environment", sorted(ENVIRONMENTS))
def test_an_environment_is_one_python_and_the_package_with_known_extras(environment):
    content = ENVIRONMENTS[environment]
    # "nodefaults": the licence of the default channel does not allow everybody to use it.
    assert content["channels"] == ["conda-forge", "nodefaults"]
    python, pip, requirements = content["dependencies"]
    assert python.removeprefix("python=") in SpecifierSet(PROJECT["requires-python"])
    assert pip == "pip"
    assert len(requirements["pip"]) == 1
    assert extras_of(environment) <= set(PROJECT["optional-dependencies"])
