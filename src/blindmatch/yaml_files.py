"""YAML files of settings, without surprises: keys stand once, aliases unfold to a bounded size."""

from pathlib import Path

import yaml

from blindmatch.errors import BlindmatchError
from blindmatch.reading import is_writable, one_line, read_text, reading

#: A configuration of the paper's size is a tenth of each of these.
_MOST_TEXT = 1_000_000
_MOST_VALUES = 100_000
_MOST_CHARACTERS = 10_000


class _StrictLoader(yaml.SafeLoader):
    """YAML in which a key may stand once only (plain YAML keeps the last, silently)."""


def _unique_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise BlindmatchError(
                f"{key.start_mark.name}: expected a name as key in line {line}, found a "
                f"{key.id.removesuffix('Node')}"
            )
        if key.value in lines and key.value != "<<":
            raise BlindmatchError(
                f"{key.start_mark.name}: {one_line(key.value)!r} stands twice, in lines "
                f"{lines[key.value]} and {line}"
            )
        lines[key.value] = line
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _check_size(node: yaml.Node) -> None:
    """Refuse a document that aliases (``*name``) unfold to an absurd size, or into itself.

    Raises
    ------
    BlindmatchError
    """
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if isinstance(node, yaml.ScalarNode):
            if len(node.value) > _MOST_CHARACTERS or not is_writable(node.value):
                raise BlindmatchError(
                    f"{node.start_mark.name}: expected a text of at most {_MOST_CHARACTERS:,} "
                    f"whole characters in line {node.start_mark.line + 1}, found "
                    f"{len(node.value):,}: {one_line(ascii(node.value[:50]))}"
                )
            return 1
        if id(node) in sizes:
            found = sizes[id(node)]
            if found is None:
                raise BlindmatchError(
                    f"{node.start_mark.name}: what begins in line {node.start_mark.line + 1} "
                    "holds itself"
                )
            return found
        sizes[id(node)] = None
        total = 1
        for child in node.value:
            total += sum(map(size, child)) if isinstance(child, tuple) else size(child)
        if total > _MOST_VALUES:
            raise BlindmatchError(
                f"{node.start_mark.name}: expected at most {_MOST_VALUES:,} values, found more "
                f"when the aliases below line {node.start_mark.line + 1} are unfolded"
            )
        sizes[id(node)] = total
        return total

    size(node)


def read_yaml(path: str | Path) -> dict:
    """A YAML file as a dictionary.

    Raises
    ------
    BlindmatchError
        If it is missing, not YAML, not a mapping, has a key twice (two models with one slug), or
        would unfold to an absurd size.
    """
    with reading(path, "YAML file"):
        text = read_text(path)
        if len(text) > _MOST_TEXT:
            raise BlindmatchError(f"{path}: expected at most {_MOST_TEXT:,} characters")
        loader = _StrictLoader(text)
        loader.name = str(path)
        node = loader.get_single_node()
        if node is None:
            return {}
        _check_size(node)
        content = loader.construct_document(node)
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise BlindmatchError(f"{path}: expected a mapping, found {type(content).__name__}")
    return content
