"""The syntaxes of tool calls: a safe reader for all in use, a writer for one.

Read: `Name(a=1)`, `Name[a = 1]`, `[name(a='x')]`, `Name(**{'odd key': 1})`, and JSON calls: `{"name", "arguments"}`,
`{"tool_name", "parameters"}`, OpenAI's `{"type": "function", "function": {...}}`, alone or in a list of one, with the
arguments as an object or as a JSON string. Values are JSON or Python literals. Nothing is ever evaluated.
"""

import re
from typing import NoReturn

from synthtools.errors import ToolCallSyntaxError
from synthtools.types.names import is_identifier
from synthtools.types.record import Json, JsonObject

MAX_CALL_LENGTH = 1_000_000
"""Longest text that is read as a call, in characters."""

MAX_CALL_DEPTH = 64
"""Deepest nesting of an argument."""

_NAME = re.compile(r"[^\W\d_](?:[\w .&/:+-]{0,198}\w)?|_\w{0,199}")
_KEY = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_SPACE = re.compile(r"\s*")
_PLAIN = {quote: re.compile(rf"[^{quote}\\]*") for quote in "'\""}
_WORDS: dict[str, Json] = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "a": "\a", "v": "\v", "\n": ""}
_HEX = {"x": 2, "u": 4, "U": 8}
_NAME_KEYS = ("name", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters")
_CALL_KEYS = frozenset({*_NAME_KEYS, *_ARGUMENT_KEYS, "type", "id", "call_id", "index"})


def read_call(text: str) -> tuple[str, JsonObject]:
    """The name and arguments of the call in a text, which holds nothing else.

    Raises: ToolCallSyntaxError with the position (from 0) where reading stopped.
    """
    if len(text) > MAX_CALL_LENGTH:
        raise ToolCallSyntaxError(f"not a tool call: longer than {MAX_CALL_LENGTH} characters")
    return _Reader(text).call()


def write_call(name: str, arguments: JsonObject) -> str:
    """`Name(a=1, b='x')` with Python literals; `{'name': ..., 'arguments': ...}` where the name is no plain one."""
    if not _NAME.fullmatch(name):
        return repr({"name": name, "arguments": arguments})
    parts = [f"{key}={value!r}" for key, value in arguments.items() if is_identifier(key)]
    odd = {key: value for key, value in arguments.items() if not is_identifier(key)}
    if odd:
        parts.append(f"**{odd!r}")
    return f"{name}({', '.join(parts)})"


class _Reader:
    """A recursive-descent reader over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def call(self) -> tuple[str, JsonObject]:
        self.skip()
        wrapped = self.take("[")
        self.skip()
        name, arguments = self.json_call() if self.peek() == "{" else self.plain_call()
        self.skip()
        if wrapped:
            self.take(",")
            self.skip()
            self.expect("]")
            self.skip()
        if self.at < len(self.text):
            self.fail("one call expected, but more text follows")
        return name, arguments

    def plain_call(self) -> tuple[str, JsonObject]:
        match = _NAME.match(self.text, self.at)
        if not match:
            self.fail("a tool name expected")
        self.at = match.end()
        self.skip()
        if self.take("("):
            return match.group(), self.keywords(")")
        if self.take("["):
            return match.group(), self.keywords("]")
        self.fail("'(' or '[' expected after the tool name")

    def keywords(self, close: str) -> JsonObject:
        arguments: JsonObject = {}
        while True:
            self.skip()
            if self.take(close):
                return arguments
            start = self.at
            if self.text.startswith("**", self.at):
                self.at += 2
                self.skip()
                for key, value in self.dictionary(1).items():
                    self.add(arguments, key, value, start)
            else:
                self.keyword(arguments)
            self.skip()
            if not self.take(","):
                self.expect(close)
                return arguments

    def keyword(self, arguments: JsonObject) -> None:
        start = self.at
        match = _KEY.match(self.text, self.at)
        if not match:
            self.fail("an argument name expected (arguments are given by name)")
        self.at = match.end()
        self.skip()
        if not self.take("="):
            self.fail("arguments are given by name: 'name=value' expected", start)
        self.add(arguments, match.group(), self.value(1), start)

    def json_call(self) -> tuple[str, JsonObject]:
        """The call that a JSON object describes, in any of the known shapes."""
        start = self.at
        call = self.dictionary(1)
        inner = call.get("function")
        if isinstance(inner, dict):
            call = inner
        unknown = sorted(set(call) - _CALL_KEYS)
        if unknown:
            self.fail(f"a JSON call has no key {unknown[0]!r}", start)
        name = self.only(call, _NAME_KEYS, start)
        if not isinstance(name, str) or not name:
            self.fail("a JSON call needs its tool's name as a string under 'name' or 'tool_name'", start)
        arguments = self.only(call, _ARGUMENT_KEYS, start)
        if isinstance(arguments, str):
            arguments = self.inner_json(arguments, start)
        if arguments is None:
            arguments = {}
        if not isinstance(arguments, dict):
            self.fail("a JSON call needs its arguments as an object under 'arguments' or 'parameters'", start)
        return name, arguments

    def only(self, call: JsonObject, keys: tuple[str, ...], start: int) -> Json:
        present = [key for key in keys if key in call]
        if len(present) > 1:
            self.fail(f"a JSON call has either {keys[0]!r} or {keys[1]!r}, not both", start)
        return call[present[0]] if present else None

    def inner_json(self, text: str, start: int) -> JsonObject:
        if not text.strip():
            return {}
        reader = _Reader(text)
        try:
            reader.skip()
            arguments = reader.dictionary(1)
            reader.skip()
            if reader.at < len(text):
                reader.fail("more text follows the arguments")
        except ToolCallSyntaxError as error:
            self.fail(f"in the arguments string: {error}", start)
        return arguments

    def value(self, depth: int) -> Json:
        self.skip()
        if depth > MAX_CALL_DEPTH:
            self.fail(f"nested deeper than {MAX_CALL_DEPTH} levels")
        first = self.peek()
        if first in ("'", '"') and first:
            return self.string()
        if first == "{":
            return self.dictionary(depth + 1)
        if first == "[":
            return self.list(depth + 1)
        if first and (first in "+-." or first.isdigit()):
            return self.number()
        match = _KEY.match(self.text, self.at)
        if match and match.group() in _WORDS:
            self.at = match.end()
            return _WORDS[match.group()]
        if match and match.group().lower() in _NOT_FINITE:
            self.fail(f"{match.group()} is no JSON value")
        self.fail("a value expected: string, number, list, dict, true, false or null")

    def list(self, depth: int) -> Json:
        self.need("[")
        items: list[Json] = []
        while True:
            self.skip()
            if self.take("]"):
                return items
            items.append(self.value(depth))
            self.skip()
            if not self.take(","):
                self.expect("]")
                return items

    def dictionary(self, depth: int) -> JsonObject:
        self.need("{")
        items: JsonObject = {}
        while True:
            self.skip()
            if self.take("}"):
                return items
            start = self.at
            if self.peek() not in ("'", '"'):
                self.fail("a key in quotes expected")
            key = self.string()
            self.skip()
            self.expect(":")
            self.add(items, key, self.value(depth), start)
            self.skip()
            if not self.take(","):
                self.expect("}")
                return items

    def number(self) -> Json:
        match = _NUMBER.match(self.text, self.at)
        if not match:
            word = _KEY.match(self.text, self.at + 1)
            if word and word.group().lower() in _NOT_FINITE:
                self.fail(f"{self.text[self.at : word.end()]} is no JSON value")
            self.fail("a number expected")
        digits = match.group()
        whole = digits.lstrip("+-")
        end = match.end()
        if len(digits) > 400:
            self.fail("number of more than 400 characters")
        if len(whole) > 1 and whole[0] == "0" and whole[1].isdigit():
            self.fail("a number has no leading zeros")
        if end < len(self.text) and (self.text[end].isalnum() or self.text[end] in "_."):
            self.fail("a number ends here, but more follows", end)
        if set(digits) & set(".eE"):
            number = float(digits)
            if number in (float("inf"), float("-inf")):
                self.fail("number out of range")
            self.at = end
            return number
        self.at = end
        return int(digits)

    def string(self) -> str:
        start = self.at
        quote = self.text[self.at]
        self.at += 1
        parts: list[str] = []
        while True:
            plain = _PLAIN[quote].match(self.text, self.at)
            assert plain is not None  # the pattern matches the empty text
            parts.append(plain.group())
            self.at = plain.end()
            if self.at >= len(self.text):
                self.fail("the string that starts here has no end", start)
            if self.text[self.at] == quote:
                self.at += 1
                break
            parts.append(self.escape())
        text = "".join(parts)
        if not text.isascii():
            text = self.joined_surrogates(text, start)
        return text

    def escape(self) -> str:
        """The character of an escape; as in Python, an unknown escape stands for itself."""
        letter = self.text[self.at + 1 : self.at + 2]
        if letter in _HEX and letter:
            size = _HEX[letter]
            digits = self.text[self.at + 2 : self.at + 2 + size]
            if not re.fullmatch(rf"[0-9a-fA-F]{{{size}}}", digits) or int(digits, 16) > 0x10FFFF:
                self.fail(f"'\\{letter}' needs {size} hex digits of a character")
            self.at += 2 + size
            return chr(int(digits, 16))
        self.at += 1 + len(letter)
        if letter and letter in "'\"\\/":
            return letter
        return _ESCAPES.get(letter, f"\\{letter}")

    def joined_surrogates(self, text: str, start: int) -> str:
        """JSON writes characters beyond U+FFFF as two escapes; a lone half is refused."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.fail("the string that starts here has half a character (a lone surrogate)", start)

    def add(self, items: JsonObject, key: str, value: Json, start: int) -> None:
        if key in items:
            self.fail(f"{key[:80]!r} is given twice", start)
        items[key] = value

    def skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match:
            self.at = match.end()

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, token: str) -> bool:
        if self.text.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def need(self, token: str) -> None:
        if not self.take(token):
            self.fail(f"{token!r} expected")

    def expect(self, token: str) -> None:
        if not self.take(token):
            self.fail(f"',' or {token!r} expected" if token in ")]}" else f"{token!r} expected")

    def fail(self, why: str, at: int | None = None) -> NoReturn:
        at = self.at if at is None else at
        shown = self.text[at : at + 20]
        near = f" at {shown!r}" if shown else " at the end"
        raise ToolCallSyntaxError(f"not a tool call: {why}, position {at}{near}")
