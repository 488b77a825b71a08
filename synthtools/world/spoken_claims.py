"""Whether a text stands by what it says: not where it is denied, left open between several, or only asked."""

import re
from collections.abc import Iterable, Sequence

_CLAUSE_END = re.compile(
    r"[.,:;!?()](?:\s|$)| - |\b(?:but|and|so|because|since|while|although|though|instead|rather)\b"
)
_DENIES = frozenset({"not", "never", "neither", "nor", "cannot"})
_LEAVES_OUT = frozenset({"no", "without", "skip", "exclude", "excluding", "minus", "omit"})
_TURNS = frozenset(
    ("only", "just", "until", "before", "after", "later", "earlier", "sooner", "forget", "hesitate", "fail", "miss")
)
"""What takes a `not` away from the words that follow: `not only`, `not until`, `don't forget to`."""
_ARTICLES = frozenset({"a", "an", "the"})
_OFF = re.compile(
    r"\b(?:no|not|never|without|off|out|false|disabled?|deactivated?|removed?|removing|stop|cancel|skip|exclude|take|"
    r"drop|decline|unsubscribe|opt|mute|lift|revoke|rather|regular|anymore|longer|un\w{4,}|nothing|none|omit|leave|"
    r"hide|hidden|close|closed|avoid|forgo|waive)\b|n't\b"
)
_OWN_ANSWER = re.compile(
    r"(?:^|[.,:;!?(-] ?)(?:(?P<yes>yes|true|yep|indeed|affirmative)|no|nope|false)(?=[\"'* ]*(?:$|[.,:;!)-]))"
)
_OPENS = re.compile(r"(?:\beither |\bor )(?:perhaps |maybe |possibly )?(?:an? |the )?$")
_GOES_ON = re.compile(r"(?:, ?[\w-]+(?: [\w-]+)?){0,3},? or\b")
_SAYS = re.compile(r"is|are|was|were|has|have|had|been|includes?|\w+'(?:s|re|ve)")
_ASKED = frozenset({"whether", "if", "how", "unless"})


def is_claimed(text: str, quote: str, *, among: bool = False) -> bool:
    """Whether a text asserts a quote at one place at least: neither denied nor left open between several.

    Args:
        text: The text, in lower case.
        quote: A part of it; of parts joined by commas, the first counts.
        among: Whether other values are right beside the quote, so that `or` leaves nothing open.
    """
    places = places_of(text, quote)
    return not places or any(
        not is_denied(text, start) and (among or not _left_open(text, start, end)) for start, end in places
    )


def is_denied(text: str, start: int, *, left_out: bool = False) -> bool:
    """Whether a `not` shortly before `start` denies what stands there; with `left_out`, a `no` or the like as well."""
    words = _words_before(text, start)
    denials = _DENIES | _LEAVES_OUT if left_out else _DENIES
    for index, word in enumerate(words):
        if (word in denials or word.endswith("n't")) and not _TURNS.intersection(words[index + 1 :]):
            return True
    return False


def is_switched_off(text: str, start: int) -> bool:
    """Whether the sentence around `start` has a word for no or off."""
    begin = max((text.rfind(mark, 0, start) for mark in ".;!?"), default=-1) + 1
    end = min((at for mark in ".;!?" if (at := text.find(mark, start)) >= 0), default=len(text))
    return _OFF.search(text, begin, end) is not None


def verdict(text: str, name: Sequence[str]) -> bool | None:
    """What a text answers to a yes-or-no question, by the question's words or a plain yes or no; None: nothing.

    Args:
        text: The answer, in lower case.
        name: The words of what is asked, such as `late`; empty: unknown.
    """
    words = r"[^\w]{1,3}".join(map(re.escape, name))
    if words:
        labelled = re.search(rf"\b{words}\b[\"'* ]*(?::|=|\bis\b) ?[\"'*]*(?:(yes|true)|no|false)\b", text)
        if labelled is not None:
            return labelled[1] is not None
    own = _OWN_ANSWER.search(text)
    if own is not None:
        return own["yes"] is not None
    if not words:
        return None
    said: set[bool] = set()
    for match in re.finditer(rf"\b{words}\b", text):
        before = _words_before(text, match.start())
        denied = is_denied(text, match.start(), left_out=True)
        open_ = _ASKED.intersection(before) or _left_open(text, *match.span())
        # Only what is said of something is an answer: it is late, but not the late order.
        if not open_ and (denied or any(map(_SAYS.fullmatch, before))):
            said.add(not denied)
    return said.pop() if len(said) == 1 else None


def places_of(text: str, quote: str) -> list[tuple[int, int]]:
    """Where a quote stands in a text."""
    for part in (quote, quote.split(", ", maxsplit=1)[0], quote.split(" ", maxsplit=1)[0]):
        found = [match.span() for match in re.finditer(rf"(?<!\w){re.escape(part)}(?!\w)", text)]
        if found:
            return found
    return []


def _left_open(text: str, start: int, end: int) -> bool:
    """Whether an `or` beside a place of a text leaves open which of several is meant."""
    return _OPENS.search(text[:start]) is not None or _GOES_ON.match(text, end) is not None


def _words_before(text: str, start: int) -> list[str]:
    """The last words of the clause before a place, articles apart."""
    clause = _CLAUSE_END.split(text[:start])[-1]
    words: Iterable[str] = re.findall(r"[\w']+", clause)
    return [word for word in words if word not in _ARTICLES][-3:]
