"""The one exception that a user is meant to read."""


class BlindmatchError(ValueError):
    """Something a user can mend: the message names what was found and what was expected."""
