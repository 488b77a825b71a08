"""Whether a command may go on with a run: the settings that its records were made with, stage by stage."""

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from synthtools.config import Settings, differences
from synthtools.errors import ConfigError
from synthtools.runs.reader import StoreReader
from synthtools.runs.stages import Stage
from synthtools.runs.store import Store
from synthtools.types.record import JsonObject


def accept_settings(
    store: Store, stages: Sequence[Stage], settings: Settings, programs: Mapping[str, str], *, accept_changes: bool
) -> None:
    """Checks the settings that change results, and notes them for the stages.

    Args and errors: as `check_settings`.
    """
    deciding = check_settings(store, stages, settings, programs, accept_changes=accept_changes)
    for stage, now in deciding.items():
        store.set_meta(settings_key(stage), orjson.dumps(now).decode())


def check_settings(
    store: StoreReader,
    stages: Sequence[Stage],
    settings: Settings,
    programs: Mapping[str, str],
    *,
    accept_changes: bool,
) -> dict[str, JsonObject]:
    """Compares the settings that change results with those the stages' records were made with.

    Args:
        store: The run.
        stages: The stages that are about to be worked on.
        settings: The settings of this command.
        programs: By stage, the SHA-256 of the file its program's state comes from.
        accept_changes: Whether other settings are welcome; records that exist stay as they are.

    Returns: The settings by stage.

    Raises: ConfigError, saying what differs.
    """
    found: list[str] = []
    deciding: dict[str, JsonObject] = {}
    for stage in stages:
        now = settings.deciding(stage.shape, stage.roles)
        now["program"] = programs.get(stage.name, "")
        deciding[stage.name] = now
        before = store.meta(settings_key(stage.name))
        if before is not None and store.count(stage.name, ("done", "dropped", "failed")):
            found += differences(cast(JsonObject, orjson.loads(before)), now)
    if found and not accept_changes:
        raise ConfigError(
            f"the run {store.folder} was made with other settings: {'; '.join(dict.fromkeys(found))}. "
            "Add --accept-changes to go on with the new ones (what is done stays), or give the old ones"
        )
    return deciding


def settings_key(stage: str) -> str:
    """Where a run notes the settings that a stage's records were made with."""
    return f"settings:{stage}"
