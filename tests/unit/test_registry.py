import dataclasses

import pytest

from blindmatch.errors import BlindmatchError
from blindmatch.registry import Registry, nearest


@pytest.fixture
def registry():
    registry = Registry("widget", "json")

    @registry.register("round-widget")
    @dataclasses.dataclass(frozen=True)
    class Round:
        radius: int = 1

    return registry


def test_a_name_given_twice_is_refused_with_both_places(registry):
    with pytest.raises(BlindmatchError, match=r"'round-widget' is registered twice"):
        registry.register("round-widget")(type("Other", (), {}))


def test_an_unknown_name_is_answered_with_the_nearest_one(registry):
    with pytest.raises(BlindmatchError, match=r"'round-widgte' \(did you mean 'round-widget'\?\)"):
        registry["round-widgte"]
    assert "round-widgte" not in registry
    assert list(registry) == ["round-widget"]


def test_options_are_checked_by_name_and_type(registry):
    assert registry.build("round-widget", {"radius": 3}).radius == 3
    with pytest.raises(BlindmatchError, match=r"no option 'radios' \(did you mean 'radius'\?\)"):
        registry.build("round-widget", {"radios": 3})
    with pytest.raises(BlindmatchError, match=r"option radius='wide'"):
        registry.build("round-widget", {"radius": "wide"})


def test_nothing_is_suggested_for_a_name_unlike_all_others():
    assert nearest("xyz", ["gw", "cka"]) == ""
