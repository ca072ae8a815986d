from hypothesis import given
from hypothesis import strategies as st

from torch_utils.text import printable


def test_names_are_shown_without_control_characters():
    assert printable("a\nb\x1b[31m\udcff.png") == "a\\nb\\x1b[31m\\udcff.png"


def test_usual_names_stay_as_they_are():
    assert printable("絵巻/顔 01 – 源氏.png") == "絵巻/顔 01 – 源氏.png"


@given(st.text())
def test_any_text_becomes_one_printable_line_and_stays_so(text):
    shown = printable(text)
    assert shown.isprintable()
    assert printable(shown) == shown
