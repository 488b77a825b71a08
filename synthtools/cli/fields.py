"""`fields`: the built-in ones."""

from synthtools.cli.options import AsJson, command


@command
def fields(json: AsJson = False) -> None:
    """The built-in fields; any other name will do as well."""
    from synthtools.cli.actions.fields import show_fields

    show_fields(as_json=json)
