"""The tables of `run.sqlite`, and how an older file becomes a current one.

What is queried is a column; a record's content is a compressed JSON payload in a table of its own, so that counting
and choosing items never touches the pages that hold content.
"""

import sqlite3

from synthtools.errors import RunError

SCHEMA_VERSION = 5
"""Version that this code writes, kept in SQLite's `user_version`."""

APPLICATION_ID = 0x53594E54
"""SQLite's `application_id` of our files ("SYNT"): tells a run from any other database."""

_TALLIES = """
CREATE TABLE tallies (
    stage TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL,
    PRIMARY KEY (stage, id, name)
) WITHOUT ROWID;
"""

_COMPILES = """
CREATE TABLE compiles (
    id TEXT PRIMARY KEY, target TEXT NOT NULL, method TEXT NOT NULL, settings TEXT NOT NULL,
    started REAL NOT NULL, result BLOB
) WITHOUT ROWID;

CREATE TABLE candidates (
    compile TEXT NOT NULL, candidate TEXT NOT NULL, position INTEGER NOT NULL, parent TEXT NOT NULL DEFAULT '',
    origin TEXT NOT NULL DEFAULT '', state BLOB NOT NULL,
    PRIMARY KEY (compile, candidate)
) WITHOUT ROWID;

CREATE TABLE evaluations (
    compile TEXT NOT NULL, candidate TEXT NOT NULL, case_id TEXT NOT NULL, variation TEXT NOT NULL,
    part TEXT NOT NULL, score REAL NOT NULL, reason TEXT NOT NULL, parts TEXT NOT NULL, calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (compile, candidate, case_id, variation)
) WITHOUT ROWID;
"""

_IN_FLIGHT = """
CREATE TABLE in_flight (
    stage TEXT NOT NULL, id TEXT NOT NULL, begun REAL NOT NULL,
    PRIMARY KEY (stage, id)
) WITHOUT ROWID;
"""

_TRANSITIONS_BY_TOOL = """
CREATE INDEX IF NOT EXISTS transitions_by_tool ON transitions (tool);
"""

_TABLES = f"""{_TALLIES}{_COMPILES}{_IN_FLIGHT}
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE items (
    seq INTEGER PRIMARY KEY,
    stage TEXT NOT NULL,
    id TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('todo', 'done', 'dropped', 'failed')),
    parent TEXT NOT NULL DEFAULT '',
    position INTEGER NOT NULL DEFAULT 0,
    field TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    detail TEXT NOT NULL DEFAULT '',
    hash TEXT NOT NULL DEFAULT '',
    expanded TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    UNIQUE (stage, id)
);
CREATE INDEX items_by_status ON items (stage, status, id);

CREATE TABLE payloads (seq INTEGER PRIMARY KEY REFERENCES items (seq), body BLOB NOT NULL);

CREATE TABLE losses (
    stage TEXT NOT NULL, id TEXT NOT NULL, part TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL DEFAULT ''
);
CREATE INDEX losses_by_item ON losses (stage, id);

CREATE TABLE journal (
    stage TEXT NOT NULL, item TEXT NOT NULL, key TEXT NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (stage, item, key)
) WITHOUT ROWID;

CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY,
    stage TEXT NOT NULL, item TEXT NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, replica TEXT NOT NULL,
    attempt INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, seconds REAL NOT NULL, outcome TEXT NOT NULL,
    ended REAL NOT NULL DEFAULT 0, retry INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE transitions (key TEXT PRIMARY KEY, tool TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
{_TRANSITIONS_BY_TOOL}"""

_TIMES_AND_RETRIES = """
ALTER TABLE ledger ADD COLUMN ended REAL NOT NULL DEFAULT 0;
ALTER TABLE ledger ADD COLUMN retry INTEGER NOT NULL DEFAULT 0;
"""

_MIGRATIONS: dict[int, str] = {
    1: _TALLIES,
    2: _TIMES_AND_RETRIES,
    3: _COMPILES,
    4: _IN_FLIGHT + _TRANSITIONS_BY_TOOL,
}
"""By the version a script starts from; each takes a file one version up.

From 1: records that are there already stay uncounted until they are made again. From 2: of the calls that
are there already it is not known when they ended (seconds since 1970; 0), and none counts as asked again.
From 3: what is kept of compiles, of which there were none. From 4: what is begun and not ended, of which nothing is
known, and an index, which a run on Ray may have already.
"""


def prepare(connection: sqlite3.Connection, where: str) -> None:
    """Creates the tables of a new file, or brings an older file up to date, in one transaction.

    Raises: RunError where the file is of a newer version, or is no run.
    """
    version = check_version(connection, where)
    if version == SCHEMA_VERSION:
        return
    scripts = [_TABLES] if version == 0 else [_MIGRATIONS[step] for step in range(version, SCHEMA_VERSION)]
    steps = "\n".join(scripts)
    connection.executescript(
        f"BEGIN IMMEDIATE;\n{steps}\nPRAGMA application_id = {APPLICATION_ID};\n"
        f"PRAGMA user_version = {SCHEMA_VERSION};\nCOMMIT;"
    )


def check_version(connection: sqlite3.Connection, where: str) -> int:
    """The schema version of a file (0: a new one). Raises: RunError where it is newer than ours, or is no run."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if version > SCHEMA_VERSION and application == APPLICATION_ID:
        raise RunError(
            f"{where} was written by a newer SynthTools (schema {version}, this one reads up to {SCHEMA_VERSION}): "
            "upgrade SynthTools"
        )
    if application != APPLICATION_ID and (version or connection.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise RunError(f"{where} is a SQLite file, but not a SynthTools run")
    return version
