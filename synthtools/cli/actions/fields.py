"""What `fields` prints."""

from synthtools.cli.output import print_json
from synthtools.programs.fields import FIELDS


def show_fields(*, as_json: bool) -> None:
    """Prints the built-in fields."""
    if as_json:
        print_json([field._asdict() for field in FIELDS])
        return
    for field in FIELDS:
        print(field.name)
