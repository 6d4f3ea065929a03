"""From the bytes of a page to samples."""

from contextlib import suppress

from hypothesis import given, strategies as st
import pytest

from custom_components.gpu_heat.sources import NotASourceError, exposition
from custom_components.gpu_heat.sources.exposition import describe, read_samples


def read(page, *names):
    """Return the values of the wanted metrics by name and labels."""
    samples = read_samples(page, lambda name: name in (names or ("watts", "volts")))
    return {(item.name, *sorted(item.labels.items())): item.value for item in samples}


def test_only_wanted_metrics_are_read():
    page = b'# HELP watts Power\nwatts{gpu="0"} 5\nwatts_limit{gpu="0"} 9\namperes 1\n'
    assert read(page) == {("watts", ("gpu", "0")): 5.0}


def test_a_counter_keeps_its_name_whatever_its_type_line_says():
    page = b"# TYPE watts counter\nwatts 5\n# TYPE volts counter\nvolts 6\n"
    assert read(page) == {("watts",): 5.0, ("volts",): 6.0}


@pytest.mark.parametrize(
    "page",
    [
        b"watts 5",
        b"watts 5\r\n",
        b"\xef\xbb\xbfwatts 5\n",
        b"  watts\t5\n",
        b"watts 5 1764000000000\n",
        b"watts +5.0e0 -1\n",
        b"watts{} 5\n",
        b'watts 5 # {trace_id="a b"} 6 1764000000.5\n',
        b"watts 5 # a remark\n",
        b"\n\nwatts 5\n# EOF\n",
    ],
)
def test_a_value_is_read_in_all_these_spellings(page):
    assert read(page) == {("watts",): 5.0}


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (rb"a \"quoted\" name", 'a "quoted" name'),
        (rb"two\nlines", "two\nlines"),
        (rb"C:\\gpu", "C:\\gpu"),
        (b"a } brace { # 7", "a } brace { # 7"),
        (b"a\x1cseparator", "a\x1cseparator"),
        ("Wärme°\u2028".encode(), "Wärme°\u2028"),
        (b"", ""),
    ],
)
def test_a_label_may_hold_anything(written, label):
    page = b'watts{name="' + written + b'",} 5\nvolts 6\n'
    assert read(page) == {("watts", ("name", label)): 5.0, ("volts",): 6.0}


@pytest.mark.parametrize(
    "line",
    [
        b"watts",
        b"watts five",
        b"watts 1_000",
        b"watts 5 6 7",
        b"watts5",
        b'watts{gpu="0" 5',
        b'watts{gpu="0} 5',
        b'watts{gpu="\xff"} 5',
        b"watts{gpu=0} 5",
        b'{watts="0"} 5',
        b"{} 5",
        b" { } ",
        b'watts{gpu="' + b"0" * 70_000 + b'"} 5',
        b"...",
    ],
)
def test_a_line_that_cannot_be_read_costs_only_itself(line):
    assert read(b"volts 5\n" + line + b'\nvolts{a="b"} 6\n') == {
        ("volts",): 5.0,
        ("volts", ("a", "b")): 6.0,
    }


@pytest.mark.parametrize("value", [b"NaN", b"+Inf", b"-Inf", b"1e999", b"9" * 400])
def test_what_is_no_number_is_not_known(value):
    assert read(b"watts " + value + b"\n") == {("watts",): None}


def test_a_series_told_twice_is_known_only_if_both_agree():
    page = b'watts{a="1",b="2"} 5\nwatts{b="2",a="1"} 5\nvolts 5\nvolts 6\nvolts 5\n'
    assert read(page) == {("watts", ("a", "1"), ("b", "2")): 5.0, ("volts",): None}


@pytest.mark.parametrize(
    ("page", "what"),
    [
        (b"", "an empty page"),
        (b"\xef\xbb\xbf \r\n\n", "an empty page"),
        (b'{"status": "ok"}', "JSON"),
        (b"[1, 2]", "JSON"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "binary data"),
        ("watts 5\n".encode("utf-16"), "binary data"),
        (bytes(range(128, 256)), "binary data"),
        (b"up 1\n", "no sample of a thing"),
        ("# Wärme\nup 1\n".encode("latin-1"), "no sample of a thing"),
    ],
)
def test_a_page_without_samples_is_told_for_what_it_is(page, what):
    assert read(page) == {}
    assert describe(page, "a thing") == what


def test_an_html_page_is_refused_even_if_samples_stand_in_it():
    with pytest.raises(NotASourceError, match="HTML"):
        read(b"\n <!DOCTYPE html><pre>\nwatts 5\n</pre>")


def test_a_page_of_very_many_samples_is_refused(monkeypatch):
    monkeypatch.setattr(exposition, "MAX_SAMPLES", 2)
    assert len(read(b"watts 1\nvolts 1\nup 1\n")) == 2
    with pytest.raises(NotASourceError, match="2 samples"):
        read(b"watts 1\nvolts 1\nwatts 1\n")


def test_a_page_of_very_many_lines_is_refused():
    with pytest.raises(NotASourceError, match="lines"):
        read(b"\n" * (exposition.MAX_LINES + 1))


TEXT = st.text(
    st.sampled_from('watsvol{}",=#\\ \t\r\n-+.0123456789eNaInf_:é\x1c\u2028'), max_size=120
)


@given(st.lists(st.binary(max_size=80) | TEXT.map(str.encode), max_size=8))
def test_arbitrary_bytes_raise_nothing_but_source_errors(parts):
    with suppress(NotASourceError):
        read(b"watts".join(parts))
