"""Options of a model entry: a family refuses those that it would otherwise ignore."""

from blindmatch.errors import BlindmatchError
from blindmatch.settings import ModelSettings

_COMMON = {"modality", "family"}


def check_options(settings: ModelSettings, *, required: tuple = (), optional: tuple = ()) -> None:
    """Refuse a model entry that lacks an option, or sets one that its family does not have.

    Raises
    ------
    BlindmatchError
        Naming the option and those that the family has.
    """
    known = (*required, *optional)
    for name, field in ModelSettings.model_fields.items():
        value = getattr(settings, name)
        if name in required and value is None:
            raise BlindmatchError(f"model family {settings.family!r} needs the option {name!r}")
        if name not in known and name not in _COMMON and value != field.default:
            raise BlindmatchError(
                f"model family {settings.family!r} has no option {name!r} (found {value!r}); "
                f"known: {', '.join(known) or 'none'}"
            )


def one_of(name: str, value: str | None, choices: tuple[str, ...]) -> str:
    """The value of an option, the first choice where it is not set.

    Raises
    ------
    BlindmatchError
        If it is not among `choices`.
    """
    if value is None:
        return choices[0]
    if value not in choices:
        raise BlindmatchError(f"{name}: found {value!r}, expected one of {', '.join(choices)}")
    return value
