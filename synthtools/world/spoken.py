"""How people say values: whether a text mentions a value, in digits or words, as a date, as money.

Rules only, no model: what they find is there; what they miss may still be a paraphrase.
"""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from functools import cached_property

from synthtools.types.dates import is_date_time, is_day
from synthtools.types.names import words_of
from synthtools.types.record import Json
from synthtools.world import spoken_moments, spoken_numbers
from synthtools.world.spoken_claims import is_claimed, is_denied, is_switched_off, places_of, verdict
from synthtools.world.spoken_lengths import SaidLength, lengths_in
from synthtools.world.spoken_numbers import SaidNumber

_TIME = re.compile(r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?")
_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_PHONE = re.compile(r"\+?\(?\d[\d\s().-]{5,}\d")
_YES = re.compile(r"\b(?:yes|true|yep|indeed|affirmative)\b")
_NO = re.compile(r"\b(?:no|not|false|nope|cannot|without|none|never)\b|n't\b")
_NOTHING = re.compile(r"\b(?:no|none|nothing|null|empty|unknown|not|n/a|zero)\b|n't\b")
_CENTS = frozenset({"cents", "cent", "pence", "minor"})
_TURNED = re.compile(
    r"(?:^|_)(?:no|not|non|without|skip|hide|hidden|exclude|suppress|mute|muted|private|anonymous|dis\w+|"
    r"un(?:paid|read|avail|subscr|list|publish|sold|used|like)\w*|in(?:activ|visib|compl|valid)\w*)(?:_|$)"
)
_ASKING = frozenset({"is", "are", "has", "have", "was", "can", "does"})
_SHORT = frozenset(
    ("add", "all", "and", "any", "are", "can", "did", "for", "get", "has", "its", "let", "may", "new", "not", "off"),
) | frozenset(("old", "one", "our", "out", "own", "put", "set", "the", "too", "use", "was", "who", "yes", "you", "now"))
"""Words of flags that are too common to say the flag."""


class SpokenText:
    """A text, prepared once to be searched for many values."""

    def __init__(self, text: str, now: str | None = None) -> None:
        """Prepares a text; `now` (ISO 8601) gives `tomorrow` and weekdays their meaning."""
        plain = unicodedata.normalize("NFKC", text).translate(str.maketrans("‘’“”–—", "''\"\"--"))
        self.text = re.sub(r"\s+", " ", plain).casefold().strip()
        """The text in lower case, with plain quotes, dashes and spaces."""
        self.today = datetime.fromisoformat(now).date() if now and is_date_time(now) else None
        """The day of the clock, if there is one."""

    def mention(self, value: Json, *, minor_units: bool = False, loose: bool = False) -> str | None:
        """How the text says a value, or None where it does not.

        Args:
            value: Any JSON value; every item of an array and every value of an object must be said.
            minor_units: Whether an integer may stand for hundredths of what is said (`$19.99` for 1999).
            loose: Whether other forms of the same word count (`cancel` for `cancelled`), as for enum values.
        """
        match value:
            case bool() | None:
                return None
            case int() | float():
                return self._number(float(value), minor_units)
            case str():
                return self._string(value, loose)
            case list() | dict():
                quotes = [
                    self.mention(item, minor_units=minor_units, loose=loose)
                    for item in (value if isinstance(value, list) else value.values())
                ]
                found = [quote for quote in quotes if quote is not None]
                return ", ".join(found) if found and len(found) == len(quotes) else None

    def says(self, value: Json, tolerance: float = 0.0, name: str = "", *, among: bool = False) -> bool:
        """Whether the text, as an answer, gives a value: true as yes, an empty list as none, numbers rounded.

        Args:
            value: What the answer must give.
            tolerance: How far a number may be off.
            name: What the value is called: `late` may be said instead of yes, and `total_cents` is not $3,200.
            among: Whether the value is one of several, so that `or` may stand between them.
        """
        match value:
            case bool():
                return self._affirms(name) is value
            case None | [] | "":
                return bool(_NOTHING.search(self.text))
            case int() | float():
                cents = isinstance(value, int)
                no_money = cents and not _CENTS.isdisjoint(_identifier_words(name))
                quote = self._number(float(value), cents, tolerance, rounded=True, no_money=no_money, among=among)
                return quote is not None
            case str():
                quote = self._string(value, loose="_" in value)
                return quote is not None and is_claimed(self.text, quote, among=among)
            case list():
                return all(self.says(item, tolerance, name, among=True) for item in value)
            case dict():
                return all(self.says(item, tolerance, key, among=among) for key, item in value.items())

    def flag(self, name: str, value: bool) -> str | None:
        """How the text says a flag, by words of its name: `notify_customer` by `notify` or `customer`.

        `No breakfast` is no source of `breakfast=True`, nor is `with breakfast` one of `breakfast=False`.
        """
        for word in _identifier_words(name):
            places = [match for match in self._word_places if _is_like(word, match.group())]
            if len(word) <= 3:
                exact = len(word) == 3 and word not in _SHORT
                places = [match for match in places if exact and match.group().removesuffix("s") == word]
            if not places:
                continue
            denied = any(is_denied(self.text, match.start(), left_out=True) for match in places)
            off = denied or any(is_switched_off(self.text, match.start()) for match in places)
            # A name such as `disable_alerts` turns the words around.
            if (off if not value else not denied) or _TURNED.search(name.casefold()):
                return places[0].group()
            if value and denied:
                return None
        return None

    def hour(self, value: int) -> str | None:
        """How the text says a whole hour of the day: `1 pm` for 13."""
        return self._any(spoken_moments.time_forms(value, 0)) or spoken_moments.bare_hour(self.text, value)

    def place(self, value: int, noun: str) -> str | None:
        """How the text says the position of one among many: `3rd floor`, `the third seat`."""
        return self._any(f"{ordinal} {noun}" for ordinal in spoken_numbers.ordinals(value))

    @cached_property
    def lengths(self) -> list[SaidLength]:
        """Every length of time in the text."""
        return lengths_in(self.text)

    def is_only_in_lengths(self, quote: str) -> bool:
        """Whether a number of the text counts units of time wherever it stands: the 2 of `2 hours`."""
        inside = sum(len(places_of(length.quote, quote)) for length in self.lengths)
        return 0 < len(places_of(self.text, quote)) <= inside

    @cached_property
    def parts_of_days(self) -> list[int]:
        """The days, months and years of the dates in the text whose month is named."""
        return list(spoken_moments.parts_of_days(self.text))

    def _affirms(self, name: str) -> bool | None:
        """Whether the text answers a question with yes, or with no; None: it does not answer."""
        asked = [word for word in _identifier_words(name) if word not in _ASKING]
        said = verdict(self.text, asked)
        if said is not None:
            return said
        yes, no = _YES.search(self.text), _NO.search(self.text)
        if yes is not None and (no is None or yes.start() < no.start()):
            return True
        return None if no is None else False

    def _string(self, value: str, loose: bool) -> str | None:
        if not value.strip():
            return None
        found = self._phrase(value)
        if found is None and is_date_time(value):
            found = self._moment(value)
        if found is None and _MONTH.fullmatch(value):
            found = self._any(spoken_moments.month_forms(int(value[:4]), int(value[5:])))
        if found is None and _TIME.fullmatch(value):
            found = self._time(int(value.split(":")[0]), int(value.split(":")[1]))
        if found is None and re.fullmatch(r"[-+]?\d+(\.\d+)?", value):
            found = self._number(float(value), minor_units=False)
        if found is None and not any(letter.isdigit() for letter in value):
            found = self._phrase(" ".join(_identifier_words(value)))
        if found is None and _PHONE.fullmatch(value) and not is_date_time(value):
            found = self._phone(value)
        if found is None and _without_accents(value) != value:
            found = self._phrase(_without_accents(value))
        if found is None and loose:
            found = self._loosely(value)
        return found

    def _phrase(self, phrase: str) -> str | None:
        """The phrase as whole words, whatever stands between its words."""
        tokens = re.findall(r"\w+|[^\w\s]", unicodedata.normalize("NFKC", phrase).casefold())
        tokens = [token for token in tokens if re.match(r"\w", token) or token in "@#$€£+&"]
        if not tokens or not self._has_start_of(phrase):
            return None
        # As it stands first: ORD-1 is neither in ORD-12 nor in ORD-1-2.
        exact = re.escape(re.sub(r"\s+", " ", phrase.casefold().strip()))
        for form in (exact, exact.replace(r"\-", "[- ]?").replace("_", "[_ -]?")):
            match = re.search(rf"(?<!\w)(?<!\w-){form}(?!\w)(?!-\w)(?![.:/]\d)", self.text)
            if match is not None:
                return match.group()
        if any(letter.isdigit() for letter in phrase):
            return None
        between = r"[^\w]{1,3}"
        pattern = between.join(map(re.escape, tokens))
        match = re.search(rf"(?<!\w){pattern}(?!\w)", self.text) if len(tokens) < 400 else None
        return match.group() if match else None

    def _has_start_of(self, phrase: str) -> bool:
        """Whether the first letters of a phrase are in the text, without which no form of it is."""
        start = re.search("[a-z0-9]+", phrase.casefold()) if phrase.isascii() else None
        return start is None or start.group() in self.text

    def _phone(self, value: str) -> str | None:
        """A number of seven digits or more, whatever stands between them."""
        digits = re.sub(r"\D", "", value)
        said = (match.group() for match in _PHONE.finditer(self.text))
        return next((quote for quote in said if len(digits) >= 7 and re.sub(r"\D", "", quote) == digits), None)

    def _loosely(self, value: str) -> str | None:
        found = [self._similar_word(word) for word in _identifier_words(value)]
        said = [word for word in found if word is not None]
        return " ".join(said) if said and len(said) == len(found) else None

    def _similar_word(self, word: str) -> str | None:
        return next((match.group() for match in self._word_places if _is_like(word, match.group())), None)

    @cached_property
    def _word_places(self) -> list[re.Match[str]]:
        return list(re.finditer(r"[^\W\d_]+", self.text))

    def _number(
        self,
        value: float,
        minor_units: bool,
        tolerance: float = 0.0,
        *,
        rounded: bool = False,
        no_money: bool = False,
        among: bool = True,
    ) -> str | None:
        """How the text says a number; with `no_money` an amount of money must be of minor units."""
        for said, quote, decimals in self.numbers:
            rounding = 0.5 * 10.0**-decimals if rounded and decimals >= 2 and value % 1 else 0.0
            money = minor_units and (decimals == 2 or self.is_money(quote))
            as_it_is = abs(said - value) <= max(tolerance, rounding, 1e-9 * abs(value))
            found = (as_it_is and not (money and no_money)) or (money and abs(said * 100 - value) < 1e-6)
            if found and (among or is_claimed(self.text, quote)):
                return quote
        return None

    def is_money(self, quote: str) -> bool:
        """Whether a currency stands beside a number of the text."""
        return spoken_numbers.is_money(self.text, quote)

    @cached_property
    def numbers(self) -> list[SaidNumber]:
        """Every number in the text that is no part of a date."""
        return spoken_numbers.numbers_in(spoken_moments.without_days(self.text))

    def _moment(self, value: str) -> str | None:
        """A date, and its time unless it has none or midnight."""
        moment = datetime.fromisoformat(value)
        said = self._any(spoken_moments.day_forms(moment.date(), self.today))
        if said is None and self.today is not None:
            said = spoken_moments.day_of_the_month(self.text, moment.date(), self.today)
        if said is None or is_day(value) or (moment.hour, moment.minute) == (0, 0):
            return said
        time = self._time(moment.hour, moment.minute)
        return f"{said}, {time}" if time else None

    def _time(self, hour: int, minute: int) -> str | None:
        said = self._any(spoken_moments.time_forms(hour, minute))
        return said or (None if minute else spoken_moments.bare_hour(self.text, hour))

    def _any(self, forms: Iterable[str]) -> str | None:
        for form in forms:
            if form in self.text and (match := re.search(rf"(?<![\w]){re.escape(form)}(?![\w])", self.text)):
                return match.group()
        return None


def _is_like(word: str, other: str) -> bool:
    """Whether two words are forms of one: `cancelled` and `cancel`, `box` and `boxes`."""
    if other == word or (len(word) > 2 and other in (f"{word}s", f"{word}es")):
        return True
    common = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
    common = min(len(word), len(other)) if common is None else common
    return common >= 4 and common >= 0.75 * min(len(word), len(other)) and abs(len(word) - len(other)) <= 5


def _without_accents(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFD", text) if not unicodedata.combining(letter))


def _identifier_words(identifier: str) -> list[str]:
    """The words of an identifier or phrase, in lower case: `inProgress`, `in_progress` and `in-progress` alike."""
    return words_of(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", identifier))
