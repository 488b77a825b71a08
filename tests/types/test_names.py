import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthtools.errors import DataError
from synthtools.types import EnvSpec, Scenario
from synthtools.types.names import check_id, identifier, is_id, is_identifier, is_pascal_case, pascal_case, slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Veterinary clinics", "veterinary_clinics"),
        ("  Farmers' markets & Co. ", "farmers_markets_co"),
        ("Café Müller", "cafe_muller"),
    ],
)
def test_a_slug_is_plain_words(text: str, expected: str):
    assert slug(text) == expected


def test_texts_without_letters_we_can_write_have_slugs_of_their_own():
    assert slug("兽医") != slug("書店")
    assert is_id(slug("兽医"))


@given(st.text())
def test_every_slug_is_a_safe_id(text: str):
    assert is_id(f"{slug(text)}_spec_001")


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../x", "a/b", "a\\b", "a b", "-x", ".x", "x.", "a\n", "CON", "nul.txt", "x" * 201, "é"]
)
def test_an_unsafe_id_is_refused(text: str):
    with pytest.raises(DataError, match="safe as a file name"):
        check_id(text)
    with pytest.raises(DataError, match="safe as a file name"):
        EnvSpec(id=text, scenario=Scenario(field="f", subfield="s", title="t"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Biometric Face Matcher", "BiometricFaceMatcher"),
        ("A/B Testing Controller", "ABTestingController"),
        ("Customs_Code_Classifier", "CustomsCodeClassifier"),
        ("BookVisit", "BookVisit"),
        ("bookVisit", "BookVisit"),
        ("3D Printer", "Tool3DPrinter"),
    ],
)
def test_tool_names_become_pascal_case(text: str, expected: str):
    assert pascal_case(text) == expected


@given(st.text())
def test_any_text_gives_usable_names(text: str):
    assert is_pascal_case(pascal_case(text))
    assert is_identifier(identifier(text))
    assert pascal_case(pascal_case(text)) == pascal_case(text)
    assert identifier(identifier(text)) == identifier(text)
