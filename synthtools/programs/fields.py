"""The fields that a run covers with `--all-fields`: trades, services and pastimes in which people keep records."""

from typing import NamedTuple

from synthtools.errors import DataError
from synthtools.types.names import slug


class Field(NamedTuple):
    """A field, by its slug (in ids and on the command line) and its name (in prompts)."""

    slug: str
    name: str


_NAMES = """
Veterinary clinics; Community libraries; Bicycle rental; Hospital wards; Dental practices; Community pharmacies;
Physiotherapy studios; Home care visits; Clinical trial sites; Ambulance dispatch; Primary schools; University
admissions; Language schools; Music lessons; Driving schools; Research laboratories; Exam offices; Childcare centres;
Museum collections; Theatre box offices; Concert touring; Art galleries; Choir management; Book publishing; Newsrooms;
Sports clubs; Marathon events; Swimming pools; Summer camps; Hotel front desks; Holiday cottages; Campsites; Travel
agencies; Airline check-in; Airport ground handling; Rail ticketing; City bus networks; Taxi dispatch; Car sharing;
Parking garages; Vehicle workshops; Electric vehicle charging; Parcel delivery; Warehouse stock; Cold chain logistics;
Restaurants; Bakeries; Catering kitchens; Food banks; Craft breweries; Farmers' markets; Dairy farms; Beekeeping;
Greenhouses; Forestry; Aquarium care; Animal shelters; Garden centres; Online marketplaces; Fashion boutiques;
Second-hand shops; Tool lending; Construction sites; Property letting; Housing associations; Plumbing callouts; Lift
maintenance; Solar installation; Power grid outages; Water utilities; Waste collection; Weather stations; Air quality
monitoring; Insurance claims; Retail banking; Payroll offices; Tax advice; Crowdfunding; Law firms; Court calendars;
Patent filing; Town halls; Voter registration; Public allotments; Fire brigades; Lost property; Recruitment agencies;
Shift planning; Coworking spaces; IT help desks; Server hosting; Software releases; Call centres; Event ticketing;
Wedding planning; Funeral homes; Volunteer coordination; Machine shops; Quality control labs; Spare parts supply;
Satellite operations
"""

FIELDS: tuple[Field, ...] = tuple(Field(slug(name), name) for name in (" ".join(_NAMES.split())).split("; "))
"""Every built-in field; any other name may be given just as well."""

_BY_SLUG = {field.slug: field for field in FIELDS}


def find_field(text: str) -> Field:
    """The built-in field of that name or slug; without one, a new field of that name.

    Raises: DataError, for a text without a word in it.
    """
    name = " ".join(text.split())
    if not any(letter.isalnum() for letter in name):
        raise DataError(f"field {text[:40]!r} has no word in it; give a name such as {FIELDS[0].name!r}")
    return _BY_SLUG.get(slug(name), Field(slug(name), name))
