import pytest

from synthtools.errors import DataError
from synthtools.programs.fields import FIELDS, find_field
from synthtools.types.names import is_id


def test_there_are_about_a_hundred_distinct_fields():
    assert 95 <= len(FIELDS) <= 110
    assert len({field.slug for field in FIELDS}) == len({field.name.lower() for field in FIELDS}) == len(FIELDS)
    assert all(is_id(field.slug) and field.name == field.name.strip() for field in FIELDS)


def test_a_field_is_found_by_name_or_slug_and_any_other_is_made():
    assert find_field("veterinary_clinics") == find_field("  veterinary  CLINICS ") == FIELDS[0]
    assert find_field("Lute makers") == ("lute_makers", "Lute makers")
    with pytest.raises(DataError, match="no word"):
        find_field(" - ")
