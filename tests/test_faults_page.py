"""The catalogue of faults says what the tests do."""

from faults_page import PAGE, faults, page


def test_the_page_is_made_from_the_tests():
    assert PAGE.read_text(encoding="utf-8") == page(), "make it again: python tests/faults_page.py"


def test_no_fault_is_listed_twice():
    whats = [fault.what for fault in faults()]
    assert len(whats) == len(set(whats)) >= 60


def test_each_mark_says_what_happens_and_what_is_seen():
    assert all(fault.what and fault.sees for fault in faults())
