"""Whether a command may go on with a run: the settings that its records were made with, stage by stage."""

from collections.abc import Mapping, Sequence
from typing import cast

import orjson

from synthtools.config import Settings, differences
from synthtools.errors import ConfigError
from synthtools.runs.stages import Stage
from synthtools.runs.store import Store
from synthtools.types.record import JsonObject


def accept_settings(
    store: Store, stages: Sequence[Stage], settings: Settings, programs: Mapping[str, str], *, accept_changes: bool
) -> None:
    """Compares the settings that change results with those the stages' records were made with, and notes them.

    Args:
        store: The run.
        stages: The stages that are about to be worked on.
        settings: The settings of this command.
        programs: By stage, the SHA-256 of the file its program's state comes from.
        accept_changes: Whether other settings are welcome; records that exist stay as they are.

    Raises: ConfigError, saying what differs.
    """
    found: list[str] = []
    deciding: dict[str, JsonObject] = {}
    for stage in stages:
        now = settings.deciding(stage.shape, stage.roles)
        now["program"] = programs.get(stage.name, "")
        deciding[stage.name] = now
        before = store.meta(_key(stage))
        if before is not None and store.count(stage.name, ("done", "dropped", "failed")):
            found += differences(cast(JsonObject, orjson.loads(before)), now)
    if found and not accept_changes:
        raise ConfigError(
            f"the run {store.folder} was made with other settings: {'; '.join(dict.fromkeys(found))}. "
            "Add --accept-changes to go on with the new ones (what is done stays), or give the old ones"
        )
    for stage in stages:
        store.set_meta(_key(stage), orjson.dumps(deciding[stage.name]).decode())


def _key(stage: Stage) -> str:
    return f"settings:{stage.name}"
