"""The dialect of behaviours: what their source may contain, checked before it ever runs.

The sandbox contains what is dangerous. This check refuses what would make answers depend on anything but the arguments,
the state and the clock, and what the sandbox's interpreter does not know. Every problem names its line and what to
write instead: the reader is the model that wrote the code.
"""

import ast
from collections.abc import Iterator
from threading import Lock

MAX_SOURCE = 20_000
"""Longest source of a behaviour, in characters."""

MODULES = frozenset({"json", "re", "math", "datetime", "copy", "typing", "collections", "decimal"})
"""What a behaviour may import."""

ENTRY_POINTS = ("guard", "apply")
PARAMETERS = ("args", "state", "now")

RESERVED = "_st_"
"""Prefix of the names that the sandbox's own code uses beside the source."""

_STATEMENTS: dict[type[ast.AST], str] = {
    ast.ClassDef: "classes are not available: use functions and dicts",
    ast.AsyncFunctionDef: "async functions are not available",
    ast.Await: "await is not available",
    ast.AsyncFor: "async loops are not available",
    ast.AsyncWith: "async with is not available",
    ast.Yield: "yield is not available: build and return a list",
    ast.YieldFrom: "yield is not available: build and return a list",
    ast.Delete: "del is not available: use d.pop(key) or l.pop(index)",
    ast.Global: "global is refused: nothing may outlive a call; keep data in state",
    ast.Nonlocal: "nonlocal is refused: return the value instead",
    ast.With: "with is not available: there are no files",
    ast.TryStar: "except* is not available",
}

_CALLS: dict[str, str] = {
    **dict.fromkeys(("eval", "exec", "compile", "__import__"), "running text as code is refused"),
    **dict.fromkeys(("open", "input", "breakpoint", "exit", "quit", "help"), "there is no outside world here"),
    **dict.fromkeys(("globals", "locals", "vars", "dir"), "looking into the interpreter is refused"),
    **dict.fromkeys(("getattr", "setattr", "delattr", "super", "object"), "records are dicts: use d.get(key)"),
    **dict.fromkeys(("hash", "id"), "its result differs between runs: use the record's id"),
    "print": "printing is refused: return what matters",
}

_CLOCK = frozenset({"now", "today", "utcnow", "localtime", "gmtime", "fromtimestamp"})
_MUTATORS = frozenset(
    {"append", "extend", "insert", "remove", "pop", "popitem", "clear", "update"}
    | {"setdefault", "add", "discard", "sort", "reverse"}
)
_ORDERED_READERS = frozenset(
    {"list", "tuple", "enumerate", "iter", "map", "filter", "zip", "reversed", "str", "repr", "dict"}
    | {"Counter", "deque"}
)


def problems(source: str) -> list[str]:
    """Why a behaviour's source may not run, as `line 3: ...`, in the order of lines; empty where it may."""
    if len(source) > MAX_SOURCE:
        return [f"line 1: the source has {len(source)} characters; at most {MAX_SOURCE} are allowed"]
    try:
        tree = _parse(source)
    except SyntaxError as error:
        return [f"line {error.lineno or 1}: not Python: {error.msg}"]
    except (ValueError, RecursionError, MemoryError) as error:
        return [f"line 1: not Python: {type(error).__name__}"]
    try:
        found = [*_module_problems(tree), *_entry_problems(tree), *_tree_problems(tree)]
    except RecursionError:
        return ["line 1: the source is nested too deeply"]
    return [f"line {line}: {text}" for line, text in sorted(set(found))]


def defines(source: str, name: str) -> bool:
    """Whether a source that may run defines a function of that name at its top level."""
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in _parse(source).body)


def renewal(source: str) -> dict[str, str] | None:
    """Names to assign anew, each with its expression, so that a call is as in a fresh session; None: nothing does that.

    All that a call of a source that may run can change and leave behind are the lists, dicts and sets among the
    constants, where a function has got hold of one under another name. Functions and modules take no attributes, and
    nothing in them changes, the context of `decimal` apart.
    """
    constants: dict[str, ast.expr] = {}
    bound: list[str] = []
    for node in _parse(source).body:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.FunctionDef():
                bound += [name for inner in (node, *getattr(node, "names", ())) for name in _bound(inner)]
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                bound.append(name)
                if any(isinstance(part, ast.List | ast.Dict | ast.Set | ast.Call) for part in ast.walk(value)):
                    constants[name] = value
            case _:
                pass
    if len(set(bound)) < len(bound) or "set" in bound or "decimal" in _imported(source) or _names_iter(source):
        return None
    try:
        return {name: ast.unparse(value) for name, value in constants.items()}
    except (ValueError, RecursionError):  # a number of too many digits, or nesting that only just could be read
        return None


def _names_iter(source: str) -> bool:
    """Whether a source makes an iterator by name, whose text tells where in the session's memory it is."""
    return any(isinstance(node, ast.Name) and node.id == "iter" for node in ast.walk(_parse(source)))


def _imported(source: str) -> set[str | None]:
    """The modules that a source imports, anywhere."""
    found: set[str | None] = set()
    for node in ast.walk(_parse(source)):
        match node:
            case ast.Import(names=names):
                found.update(alias.name for alias in names)
            case ast.ImportFrom(module=module):
                found.add(module)
            case _:
                pass
    return found


_parsing = Lock()


def _parse(source: str) -> ast.Module:
    """The tree of a source, built for one thread at a time.

    CPython before 3.11.8 and 3.12.2 counts how deep it is in one place for all threads, and ends one of two that build
    trees at once with a SystemError (python/cpython issue 106905).
    """
    with _parsing:
        return ast.parse(source)


_Found = tuple[int, str]


def _module_problems(tree: ast.Module) -> Iterator[_Found]:
    """Only imports, functions, a docstring and constants that nothing changes may stand at the top level."""
    constants: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef() | ast.Import() | ast.ImportFrom():
                pass
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
                constants.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_literal(value):
                constants.add(name)
            case _:
                yield node.lineno, "only imports, functions and constant values may stand outside functions"
    for scope in tree.body:
        shared = _aliases(scope, constants)
        for node in ast.walk(scope):
            name = _mutated(node)
            if name in shared and isinstance(node, ast.expr | ast.stmt):
                yield node.lineno, f"module-level state is refused: {shared[name]} is changed; keep data in state"


def _aliases(scope: ast.AST, constants: set[str]) -> dict[str, str]:
    """The names in a function that stand for a constant of the module or for a part of one, each with that constant."""
    shared = {name: name for name in constants}
    for node in ast.walk(scope):
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
                | ast.For(target=ast.Name(id=name), iter=value)
            ) if (whole := _part_of(value)) in shared:
                shared[name] = shared[whole]
            case _:
                pass
    return shared


def _part_of(node: ast.expr) -> str | None:
    """The name of the container that an expression gives, or gives a part of, without copying it."""
    match node:
        case ast.Call(func=ast.Attribute(value=value, attr="get" | "values" | "setdefault")):
            return _part_of(value)
        case ast.Subscript(value=value):
            return _part_of(value)
        case ast.Name(id=name):
            return name
        case _:
            return None


def _entry_problems(tree: ast.Module) -> Iterator[_Found]:
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "guard" not in functions:
        yield 1, "define guard(args, state, now): it returns None or {'status_code': ..., 'message': ...}"
    for name in ENTRY_POINTS:
        function = functions.get(name)
        if function is not None and _parameter_names(function) != PARAMETERS:
            yield function.lineno, f"{name} takes exactly (args, state, now)"


def _parameter_names(function: ast.FunctionDef) -> tuple[str, ...] | None:
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.defaults:
        return None
    return tuple(argument.arg for argument in [*arguments.posonlyargs, *arguments.args])


def _tree_problems(tree: ast.Module) -> Iterator[_Found]:
    sets = _set_names(tree)
    own = {name for node in ast.walk(tree) for name in _bound(node)}
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 1)
        for name in _bound(node):
            if name.startswith(("__", RESERVED)):
                yield line, f"name {name} is refused"
            elif name == "new_id":
                yield line, "new_id is given; do not define it"
        if type(node) in _STATEMENTS:
            yield line, _STATEMENTS[type(node)]
        match node:
            case ast.Import(names=names):
                for alias in names:
                    if alias.name not in MODULES:
                        yield line, _import_problem(alias.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                if level or module not in MODULES:
                    yield line, _import_problem(module or ".")
                elif any(alias.name == "*" for alias in names):
                    yield line, "import names one by one, not with *"
            case ast.FunctionDef() | ast.Lambda():
                yield from _function_problems(node, line)
            case ast.Attribute(attr=name):
                if name.startswith("__"):
                    yield line, f"attribute {name} is refused"
                elif name in _CLOCK:
                    yield line, f".{name} reads the clock: use the argument `now` (ISO 8601 text)"
                elif isinstance(node.ctx, ast.Store):
                    yield line, f"attribute .{name} cannot be set: nothing may outlive a call; keep data in state"
            case ast.Name(id=name) if name.startswith(("__", RESERVED)):
                yield line, f"name {name} is refused"
            case ast.Name(id=name) if name in _CALLS and name not in own:
                yield line, f"{name}() is refused: {_CALLS[name]}"
            case ast.Call(func=ast.Name(id=name)) if name in _CALLS:
                yield line, f"{name}() is refused: {_CALLS[name]}"
            case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp(), *_]):
                yield line, "next(... for ...) is not available: use a for loop, or next(iter([... for ...]), None)"
            case _:
                pass
        yield from _set_problems(node, line, sets)


def collections_named(source: str) -> dict[str, set[str]]:
    """The collections that a source that may run looks up in `state`, each with the functions that do.

    Found where it is written as `state["name"]`, `state.get("name")` or `"name" in state`.
    """
    found: dict[str, set[str]] = {}
    for function in _parse(source).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            match node:
                case (
                    ast.Subscript(value=ast.Name(id="state"), slice=ast.Constant(value=str() as name), ctx=ast.Load())
                    | ast.Call(
                        func=ast.Attribute(value=ast.Name(id="state"), attr="get"),
                        args=[ast.Constant(value=str() as name), *_],
                    )
                    | ast.Compare(
                        left=ast.Constant(value=str() as name),
                        ops=[ast.In() | ast.NotIn()],
                        comparators=[ast.Name(id="state")],
                    )
                ):
                    found.setdefault(name, set()).add(function.name)
                case _:
                    pass
    return found


def numbers_in(source: str) -> list[int]:
    """The whole numbers that a source that may run compares or computes with, apart from status codes, -1, 0 and 1."""
    found = {
        node.value
        for node in ast.walk(_parse(source))
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value not in (0, 1)
    }
    return sorted(number for number in found if not 400 <= number < 600)


def _bound(node: ast.AST) -> tuple[str, ...]:
    """The names that a node binds."""
    match node:
        case ast.Name(id=name, ctx=ast.Store()):
            return (name,)
        case ast.FunctionDef(name=name) | ast.arg(arg=name):
            return (name,)
        case ast.alias(name=name, asname=given):
            return (given or name,)
        case (
            ast.ExceptHandler(name=str() as name) | ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name)
        ):
            return (name,)
        case ast.MatchMapping(rest=str() as name):
            return (name,)
        case _:
            return ()


def _import_problem(module: str) -> str:
    hint = "; use new_id(collection) for ids" if module == "uuid" else ""
    return f"import of {module} is refused: only {', '.join(sorted(MODULES))} may be imported{hint}"


def _function_problems(node: ast.FunctionDef | ast.Lambda, line: int) -> Iterator[_Found]:
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        yield line, "decorators are not available"
    for default in [*node.args.defaults, *(value for value in node.args.kw_defaults if value is not None)]:
        if not isinstance(default.operand if isinstance(default, ast.UnaryOp) else default, ast.Constant):
            yield line, "a default must be a plain constant: a list or dict would outlive the call"


def _mutated(node: ast.AST) -> str | None:
    """The name that a statement or call changes in place, or assigns again inside a container."""
    match node:
        case ast.Subscript(value=value, ctx=ast.Store()) | ast.Attribute(value=value, ctx=ast.Store()):
            return _base_name(value)
        case ast.AugAssign(target=target):
            return _base_name(target)
        case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _MUTATORS:
            return _base_name(value)
        case _:
            return None


def _base_name(node: ast.expr) -> str | None:
    while isinstance(node, ast.Subscript | ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def _is_set(node: ast.expr, names: frozenset[str] = frozenset()) -> bool:
    match node:
        case ast.Set() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
        case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
            return name in names
        case ast.BinOp(left=left, op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor(), right=right):
            return _is_set(left, names) or _is_set(right, names)
        case _:
            return False


def _set_names(tree: ast.Module) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_set(value):
                names.add(name)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_set(value):
                names.add(name)
            case ast.FunctionDef(name=name) if any(
                isinstance(inner, ast.Return) and inner.value is not None and _is_set(inner.value)
                for inner in ast.walk(node)
            ):
                names.add(name)
            case _:
                pass
    return frozenset(names)


def _set_problems(node: ast.AST, line: int, names: frozenset[str]) -> Iterator[_Found]:
    """A set may be asked for membership and size or sorted; its order differs between runs."""
    message = "the order of a set differs between runs: use sorted(...) or a list"
    match node:
        case ast.For(iter=source) | ast.Starred(value=source) if _is_set(source, names):
            yield line, message
        case ast.comprehension(iter=source) if _is_set(source, names):
            yield source.lineno, message
        case ast.Call(func=ast.Name(id=reader), args=[source, *_]) if reader in _ORDERED_READERS and _is_set(
            source, names
        ):
            yield line, message
        case ast.Call(func=ast.Attribute(attr="join" | "extend" | "fromkeys"), args=[source, *_]) if _is_set(
            source, names
        ):
            yield line, message
        case ast.Call(func=ast.Attribute(value=source, attr="pop"), args=[]) if _is_set(source, names):
            yield line, message
        case _:
            pass
