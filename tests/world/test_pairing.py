"""New records are told apart by what they hold, whatever ids they were given and however many they are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from synthtools.types import VerifyPolicy
from synthtools.world.comparison import Comparison

INITIAL = {"teams": {"TEA-1": {"title": "Greens"}}, "players": {}}
POLICY = VerifyPolicy(fields={"players.note": "ignore", "players.tags": "set"})


def state(teams, players, team_ids, player_ids):
    """Teams by title; players by name and the index of their team, where they have one."""
    return {
        "teams": {
            **INITIAL["teams"],
            **{team_ids[index]: {"title": title} for index, title in enumerate(teams)},
        },
        "players": {
            player_ids[index]: {
                "name": name,
                "team_id": team_ids[team % len(teams)] if teams else None,
                "tags": ["a", "b"] if player_ids[0] == "PLA-0" else ["b", "a"],
                "note": player_ids[index],
            }
            for index, (name, team) in enumerate(players)
        },
    }


def ids(stem, count):
    return [f"{stem}-{index}" for index in range(count)]


def differences(expected, actual):
    return [one.path for one in Comparison(POLICY).differences(INITIAL, expected, actual)]


@settings(max_examples=60, deadline=None)
@given(
    teams=st.lists(st.sampled_from(["Reds", "Blues"]), max_size=6),
    players=st.lists(st.tuples(st.sampled_from(["Ann", "Bob"]), st.integers(0, 5)), max_size=12),
    shuffled=st.randoms(use_true_random=False),
)
def test_states_that_differ_in_generated_ids_only_are_the_same(teams, players, shuffled):
    team_ids, player_ids = ids("NEW", len(teams)), ids("PLA", len(players))
    expected = state(teams, players, team_ids, player_ids)
    shuffled.shuffle(team_ids)
    shuffled.shuffle(player_ids)
    assert differences(expected, state(teams, players, team_ids, player_ids)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.data())
def test_one_wrong_field_among_many_new_records_is_one_difference(count, data):
    names = [(f"Player {index}", 0) for index in range(count)]
    expected = state([], names, [], ids("PLA", count))
    wrong = data.draw(st.integers(0, count - 1))
    made = [("Nobody", 0) if index == wrong else name for index, name in enumerate(names)]
    rotated = ids("PLA", count)[1:] + ids("PLA", 1)
    (found,) = differences(expected, state([], made, [], rotated))
    assert found == f"/players/PLA-{wrong}/name"


def test_hundreds_of_new_records_are_paired_whether_they_are_linked_or_not():
    teams, players = ["Reds"] * 40, [(f"Player {index % 100}", index) for index in range(400)]
    for some in ([], teams):
        expected = state(some, players, ids("NEW", len(some)), ids("PLA", 400))
        backwards = state(some, players, ids("NEW", len(some))[::-1], ids("PLA", 400)[::-1])
        assert differences(expected, backwards) == []
