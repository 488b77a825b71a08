"""Tasks of the club, where callers choose ids: sound ones, flawed ones, and rollouts with their verdicts."""

from synthtools.types import AnswerValue, Certificate, VerifyPolicy
from tests.world.club import call, task
from tests.world.tasks.case import Flawed, Rollout, asks


def save(file_name: str, text: str = "buy milk"):
    return call("SaveFile", file_name=file_name, text=text)


def guest(name: str, seats: int = 2):
    return call("AddGuest", name=name, seats=seats)


def stay(hut: str, day: str, name: str = "Kim Novak"):
    return call("BookStay", hut=hut, day=day, guest=name)


def team(title: str):
    return call("AddTeam", title=title)


def player(name: str, team_id: str):
    return call("AddPlayer", name=name, team_id=team_id)


def locker(guest_id: str):
    return call("OpenLocker", guest_id=guest_id)


FIND_ANN = call("FindGuests", query="Ann Lee")
SEATS_1 = call("CountSeats", guest_id="1")

LOCKER_2 = task("Open the locker of guest 2.", locker("2"))
SOUND = {
    "an id that the caller chooses": task("Save the text 'buy milk' as list.txt.", save("list.txt")),
    "an id that is made of arguments": task("Book the oak hut for Kim Novak on 2026-03-04.", stay("oak", "2026-03-04")),
    "a record under an id that is there": LOCKER_2,
    "a numbered id that is another value as well": task("Put Mia Falk down for 3 seats.", guest("Mia Falk", 3)),
}

FLAWED = {
    "a numbered id that is said": Flawed(
        task("Put Mia Falk down for 2 seats, as guest 3.", guest("Mia Falk")), "no_leak", "'3'"
    ),
    "a tool's id beside one that the caller chooses": Flawed(
        task("Save the text 'buy milk' as list.txt, and add the team Reds as TEA-2.", save("list.txt"), team("Reds")),
        "no_leak",
        "the request says 'TEA-2'",
    ),
}

SAVE = SOUND["an id that the caller chooses"]
SAVE_TWO = task("Save 'a' as one.txt and 'b' as two.txt.", save("one.txt", "a"), save("two.txt", "b"))
STAY = SOUND["an id that is made of arguments"]
NAMES = [f"Guest {letter}" for letter in "ABCDEFGH"]
EIGHT = task("Put down eight guests.", *map(guest, NAMES))
THREES = task("Two for 3 seats.", guest("Mia Falk", 3), guest("Jo Wood", 3))
TEAMS = task(
    "Add two teams Reds, one of Ann and one of Bob.",
    *(team("Reds"), team("Reds"), player("Ann", "TEA-2"), player("Bob", "TEA-3")),
)
TWINS = task(
    "Add two teams Reds, each with a player Sam.",
    *(team("Reds"), team("Reds"), player("Sam", "TEA-2"), player("Sam", "TEA-3")),
)
NEW_LOCKER = task(
    "Put down Mia Falk for 2 seats and Jo Wood for 4, and open the locker of Jo Wood.",
    *(guest("Mia Falk"), guest("Jo Wood", 4), locker("4")),
)
FIND = task("What is the number of the guest Ann Lee?", FIND_ANN, certificate=asks("1", 0, "/matches/0/id"))
LOOK = task("See whether Ann Lee is a guest.", FIND_ANN)
SEATS = task("How many seats has guest 1?", SEATS_1, certificate=asks(2, 0, "/seats"))
NAMED = task("Find Ann Lee.", FIND_ANN, policy=VerifyPolicy(required_calls=(FIND_ANN,)))
TWO_FINDS = task(
    "What are the numbers of Ann Lee and of Ann?",
    FIND_ANN,
    call("FindGuests", query="Ann"),
    certificate=Certificate(
        grade="recorded", expected_answer=[AnswerValue(value="1", call=n, pointer="/matches/0/id") for n in (0, 1)]
    ),
)
BADGES = task(
    "Put down Mia Falk for 2 seats and Jo Wood for 4, and print their badges.",
    *(guest("Mia Falk"), guest("Jo Wood", 4), call("PrintBadges", guest_ids=["3", "4"])),
    policy=VerifyPolicy(required_calls=(call("PrintBadges", guest_ids=["3", "4"]),)),
)


def find(query: str, **limit: int):
    return call("FindGuests", query=query, **limit)


ROLLOUTS = {
    "another name for a file": Rollout(SAVE, [save("other.txt")], None, False, "state"),
    "two files in another order": Rollout(SAVE_TWO, [save("two.txt", "b"), save("one.txt", "a")], None, True),
    "two files with each other's text": Rollout(
        SAVE_TWO, [save("one.txt", "b"), save("two.txt", "a")], None, False, "state"
    ),
    "another day in an id": Rollout(STAY, [stay("oak", "2026-03-05")], None, False, "state"),
    "a refused stay before": Rollout(STAY, [stay("oak", "2026-02-01"), stay("oak", "2026-03-04")], None, True),
    "eight guests backwards": Rollout(EIGHT, [guest(name) for name in reversed(NAMES)], None, True),
    "eight guests rotated": Rollout(EIGHT, [guest(name) for name in [*NAMES[3:], *NAMES[:3]]], None, True),
    "eight guests backwards, one of another name": Rollout(
        EIGHT, [guest(name) for name in [*NAMES[:0:-1], "Guest X"]], None, False, "state"
    ),
    "seven of eight guests": Rollout(EIGHT, [guest(name) for name in NAMES[1:]], None, False, "state"),
    "a guest twice": Rollout(EIGHT, [guest(name) for name in [*NAMES, NAMES[0]]], None, False, "state"),
    "numbered ids, one of them said as seats, in another order": Rollout(
        THREES, [guest("Jo Wood", 3), guest("Mia Falk", 3)], None, True
    ),
    "teams that look alike, their players exchanged": Rollout(
        TEAMS, [team("Reds"), team("Reds"), player("Bob", "TEA-2"), player("Ann", "TEA-3")], None, True
    ),
    "two players in one team": Rollout(
        TEAMS, [team("Reds"), team("Reds"), player("Ann", "TEA-2"), player("Bob", "TEA-2")], None, False, "state"
    ),
    "teams and players that look alike, crosswise": Rollout(
        TWINS, [team("Reds"), team("Reds"), player("Sam", "TEA-3"), player("Sam", "TEA-2")], None, True
    ),
    "players that look alike, both in one team": Rollout(
        TWINS, [team("Reds"), team("Reds"), player("Sam", "TEA-3"), player("Sam", "TEA-3")], None, False, "state"
    ),
    "a record under an id that is there, another one": Rollout(LOCKER_2, [locker("1")], None, False, "state"),
    "a record under a renamed id": Rollout(
        NEW_LOCKER, [guest("Jo Wood", 4), guest("Mia Falk"), locker("3")], None, True
    ),
    "a record under the wrong renamed id": Rollout(
        NEW_LOCKER, [guest("Jo Wood", 4), guest("Mia Falk"), locker("4")], None, False, "state"
    ),
    "a search in lower case": Rollout(FIND, [find("ann lee")], "It is 1.", True),
    "a search by the first name": Rollout(FIND, [find("Ann")], "It is 1.", True),
    "a search with a limit": Rollout(FIND, [find("Ann Lee", limit=5)], "It is 1.", True),
    "a search for a letter": Rollout(FIND, [find("e")], "It is 1.", False, "required_calls"),
    "a search for someone else": Rollout(FIND, [find("Bob Ray")], "It is 1.", False, "required_calls"),
    "a search that comes to the same without an answer": Rollout(LOOK, [find("ann")], None, True),
    "a search for someone else without an answer": Rollout(LOOK, [find("Bob")], None, False, "required_calls"),
    "one search for two": Rollout(TWO_FINDS, [find("ann lee")], "1 and 1", False, "required_calls"),
    "two searches in other words": Rollout(TWO_FINDS, [find("Ann"), find("ann lee")], "1 and 1", True),
    "another guest with as many seats": Rollout(
        SEATS, [call("CountSeats", guest_id="2")], "2 seats", False, "required_calls"
    ),
    "a search that the policy names, in other words": Rollout(NAMED, [find("ann lee")], None, False, "required_calls"),
    "renamed ids in a list": Rollout(
        BADGES, [guest("Jo Wood", 4), guest("Mia Falk"), call("PrintBadges", guest_ids=["4", "3"])], None, True
    ),
    "a list of renamed ids in another order": Rollout(
        BADGES,
        [guest("Jo Wood", 4), guest("Mia Falk"), call("PrintBadges", guest_ids=["3", "4"])],
        None,
        False,
        "required_calls",
    ),
}
