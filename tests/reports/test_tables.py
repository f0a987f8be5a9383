"""Tables that strangers wrote: quotes, separators, one row a line, local dates."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrreport.records import Report
from cxrreport.reports.parsing import csv_rows, dates
from cxrreport.reports.parsing.decode import Skipped

HEAD = "accession,patient_id,report\n"
QUOTES = "report.malformed"


def told(found):
    """Accession numbers of reports, codes of all else."""
    return [one.accession if isinstance(one, Report) else one.code for one in found]


def rows(count, **odd):
    """Lines of a table; `odd` takes the place of some."""
    return "".join(odd.get(f"r{n}", f"A{n},P{n},Clear lungs of {n}.") + "\n" for n in range(count))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (rows(6, r2='A2,P2,"Clear lungs.'), ["A0", "A1", QUOTES, "A3", "A4", "A5"]),  # to the end of the file
        (rows(6, r2='A2,P2,"Clear.', r4='A4,P4,The "old" clips.'), ["A0", "A1", QUOTES, "A3", "A4", "A5"]),
        (rows(4, r1='A1,P1,"Clear.', r2='A2,P2,"Heart, big."'), ["A0", QUOTES, "A2", "A3"]),
        (rows(4, r1='A1,P1,"Clear.', r2='A2,P2,"No,\nA9 or effusion."'), ["A0", QUOTES, "A2", "A3"]),
        (rows(3, r1='A1,P1,"Heart, lungs, bones,\nT8, T9, and T10: ""clear"".\nNo, none, 7."'), ["A0", "A1", "A2"]),  # a report
        (rows(2, r1='A1,P1,"Clear.\n'), ["A0", QUOTES]),
        (rows(1200, r2='A2,P2,"' + "x" * (csv_rows.MAX_FIELD - 20000)),  # longer than a field may be
         ["A0", "A1", QUOTES, *(f"A{n}" for n in range(3, 1200))]),
    ],
)  # fmt: skip
def test_a_quote_that_nobody_closed_takes_in_no_other_report(read, table, expected):
    assert told(read("r.csv", HEAD + table)) == expected


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (HEAD + 'AB-X,PX,"Text one\nAC-Y,PY,Text two\nAD-Z,PZ,Text three" here\n', [QUOTES, "AC-Y", "AD-Z"]),
        (HEAD + 'AB-X,PX,"Text one\nAC-Y,PY,Text two\nAD-Z,PZ,Text three"\n', [QUOTES, "AC-Y", "AD-Z"]),
        (HEAD + 'A1,P1,"Text one\nA2,P2, Text two\nA3,P3,Text three"\n', [QUOTES, "A2", "A3"]),
        ('report,accession\n"Clear.,A1\nFine.,A2\nDone.",A3\n', [QUOTES, "A2", "A3"]),
        ('accession,report\nA1,"Fractures of\nT11,T12 unchanged."\nA2,Clear.\n', ["A1", "A2"]),  # vertebrae, no row
        ('accession,report\nA1,"Fractures of\nT11,T12 unchanged.\nA2,Clear.\n', [QUOTES, "T11", "A2"]),
        ('sep="\naccession,report\nA1,Clear.\n', [QUOTES, QUOTES]),
    ],
)  # fmt: skip
def test_a_row_is_known_by_the_form_of_its_numbers(read, table, expected):
    assert told(read("r.csv", table)) == expected


def test_a_row_is_known_by_its_first_column_where_none_is_named(read):
    found = read("r.csv", 'nr,who,report\nAB-X,Doe,"Text one\nAC-Y,Roe,Text two\nAD-Z,Poe,Text three"\n')
    assert [getattr(one, "findings", "") for one in found] == ["", "Text two", 'Text three"']


@pytest.mark.parametrize("first", ["x" * (csv_rows.MAX_FIELD + 9) + "\n", '"accession,report\nA1,Clear.\n'])
def test_a_header_that_cannot_be_read_is_one_failure(read, first):
    assert told(read("r.csv", f"{first}A1,Clear.\n", "table")) == ["report.malformed"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffsep=;\r\naccession;patient_id;date;report\r\nA1;P1;2021-03-10;Clear, dry.\r\n",
        'sep=|\naccession|date|report\nA1|20210310|"Clear, dry."\n',
        "\naccession;date;report;;\nA1;2021-03-10;Clear, dry.;;\n",
        "accession;date;report\nA1;2021-03-10;Clear, dry.;;\n",
    ],
)
@pytest.mark.parametrize("name", ["r.csv", "r"])
def test_separators_named_or_left_over(only, name, content):
    found = only(name, content)
    assert (found.accession, found.reported_at, found.findings) == ("A1", datetime(2021, 3, 10), "Clear, dry.")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text('A1,"\n;x', max_size=12), max_size=12))
def test_no_table_raises_and_every_row_ends(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("t") / "r.csv"
    path.write_text(HEAD + "\n".join(lines))
    with path.open(newline="") as file:
        found = list(csv_rows.read_rows(file, {}))
    assert len(found) <= 2 * sum(line.count("\n") + 1 for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "FINDINGS\r\nClear lungs.\r\nIMPRESSION\r\nNormal.",
        r"{\rtf1\ansi FINDINGS: Clear lungs.\par IMPRESSION: Normal.}",
        "<p>FINDINGS: Clear lungs.</p><p>IMPRESSION: Normal.</p>",
    ],
)
def test_texts_of_other_houses_ends_of_lines_and_marks(only, text):
    found = only("r.csv", f'accession,report\r\nA1,"{text}"\r\n')
    assert (found.findings, found.impression) == ("Clear lungs.", "Normal.")


# -- rows of one report -----------------------------------------------------------------------------------------------


def test_rows_that_hold_a_line_each_are_one_report(read):
    lines = (
        "A1,2021-03-10,2,The heart is enlarged.", "A1,2021-03-10,1,FINDINGS: Small effusion.",
        "A1,2021-03-10,3,IMPRESSION: Effusion.", "A1,2021-03-11,1,Addendum: A nodule.", "A2,2021-03-10,1,Clear.",
    )  # fmt: skip
    first, added, second = read("r.csv", "\n".join(["accession,date,line,text", *lines]))
    assert (first.findings, first.impression) == ("Small effusion.\nThe heart is enlarged.", "Effusion.")
    assert (added.accession, added.addendum, second.findings) == ("A1", "A nodule.", "Clear.")


def test_lines_that_begin_again_are_the_next_version(read):
    lines = [f"A1,{n},{text}" for text in ("Clear.", "Edema.") for n in (1, 2)]
    assert told(read("r.csv", "\n".join(["accession,line,text", *lines]))) == ["report.malformed"]  # which one holds?
    lines = [f"A1,2021-03-1{n},{line},{n} {line}" for n in (1, 2) for line in (1, 2)]
    first, second = read("r.csv", "\n".join(["accession,date,line,text", *lines]))
    assert first.message.startswith("Row 1 ") and second.findings == "2 1\n2 2"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        ("A1,P1,2021-03-10,Edema.", ["report.malformed"]),
        ("A1,P1,2021-03-10,Clear.", ["A1", "A1"]),
        ("A1,P1,2021-03-11,Edema.", ["report.malformed", "A1"]),  # the later one holds
        ("A1,P1,2021-03-11,Impression: Edema.", ["report.malformed"]),  # a piece, and no version
        ("A1,P1,,Edema.", ["report.malformed"]),
        ("A1,P1,03/04/2021,Edema.", ["report.malformed"]),
        ("A1,P2,2021-03-10,Edema.", ["A1", "A1"]),
        ("A1,P1,2021-03-10,Addendum: Edema.", ["A1", "A1"]),
    ],
)
def test_rows_of_one_report_may_not_say_different_things(read, second, expected):
    assert told(read("r.csv", f"accession,patient_id,date,report\nA1,P1,2021-03-10,Clear.\n{second}\n")) == expected


@pytest.mark.parametrize(
    "table",
    [
        "accession,report\nA1,FINDINGS: Big heart.\nA2,Clear.\nA1,IMPRESSION: Edema.\n",
        "accession,report\nA1,FINDINGS: Big heart.\nA2,a,b\nA1,IMPRESSION: Edema.\n",
        "id,patient_id,report\n7,P1,FINDINGS: Big heart.\n8,P1,Clear.\n7,P1,IMPRESSION: Edema.\n",
        "accession,date,report\nA1,03/04/2020,FINDINGS: Big heart.\nA2,,Clear.\nA1,03/04/2020,IMPRESSION: Edema.\n",
        "accession,date,report\nA1,2020-05-01 10:00,Big heart.\nA2,,Clear.\nA1,2020-05-01 10:01,Edema.\n",
        "accession,line,report\nA1,1,FINDINGS: Big heart.\nA2,1,Clear.\nA1,,IMPRESSION: Edema.\n",
    ],
)
def test_no_row_takes_the_place_of_another_without_a_word(read, table):
    found = read("r.csv", table)
    assert [one.findings for one in found if isinstance(one, Report)] in ([], ["Clear."])
    assert any(getattr(one, "message", "").startswith("Rows 1, 3 of") for one in found)


def test_lines_of_one_report_stand_anywhere_and_have_times_of_their_own(read):
    lines = ("A1,2021-03-10 10:00,1,FINDINGS: Big heart.", "A2,2021-03-10,1.0,Clear.", "A1,,2,IMPRESSION: Edema.",
             "A1,2021-03-10 10:02,3,No effusion.")  # fmt: skip
    other, one = read("r.csv", "\n".join(["accession,date,line,report", *lines]))
    assert (other.findings, one.findings, one.impression) == ("Clear.", "Big heart.", "Edema.\nNo effusion.")
    assert one.reported_at == datetime(2021, 3, 10, 10, 2)


def test_a_broken_row_among_the_lines_of_a_report_breaks_it(read):
    lines = (
        "A1,1,FINDINGS: Big heart.",
        "A1,2,x,y",
        "A1,3,IMPRESSION: Edema.",
        f"A2,{'9' * 5000},Clear.",
        "A3,1,Clear.",
    )
    found = read("r.csv", "\n".join(["accession,line,report", *lines]))
    assert told(found) == [QUOTES, QUOTES, QUOTES, "A3"]
    assert [one.message[:6] for one in found[:3]] == ["Row 2 ", "Row 1 ", "Row 4 "]


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("31.12.2020", datetime(2020, 12, 31)),
        ("1.2.2020 9:05", datetime(2020, 2, 1, 9, 5)),
        ("12/31/2020 10:30 AM", datetime(2020, 12, 31, 10, 30)),
        ("31/12/2020 12:30 pm", datetime(2020, 12, 31, 12, 30)),
        ("12/31/2020 12:30:09 A.M.", datetime(2020, 12, 31, 0, 30, 9)),
        ("31-DEC-2020 10:30", datetime(2020, 12, 31, 10, 30)),
        ("Dec 31, 2020 at 10:30", datetime(2020, 12, 31, 10, 30)),
        ("31 December 2020", datetime(2020, 12, 31)),
        ("2020/12/31 23:59:59.123", datetime(2020, 12, 31, 23, 59, 59)),
        ("05/05/2020", datetime(2020, 5, 5)),
        ("2020-12-31T10:30:00Z", datetime(2020, 12, 31, 10, 30)),
        ("20201231103000-0500", datetime(2020, 12, 31, 10, 30)),
        ("20201231103000.123+0100", datetime(2020, 12, 31, 10, 30)),
        ("20201231 1030", datetime(2020, 12, 31, 10, 30)),
        ("20201231-0500", datetime(2020, 12, 31)),
        ("2020-12-31 10:30:15.5 +01:00", datetime(2020, 12, 31, 10, 30, 15)),
        ("2020-12-31 10:30 PM", datetime(2020, 12, 31, 22, 30)),
        ("2020123110300", None),
        ("20201231x103000", None),
        ("2020-12-31x10:30", None),
        ("03/04/2020", None),
        ("31/31/2020", None),
        ("12/31/2020 13:30 PM", None),
        ("12/31/2020 about noon", None),
        ("31-DEC-20", None),
        ("00010101", None),
        ("19000101", None),
        ("2020-13-01", None),
        ("1" * 5000, None),
    ],
)
def test_dates_that_can_be_one_day_alone(written, expected):
    assert dates.moment(written) == expected


def test_the_other_dates_of_a_table_tell_days_from_months(read):
    table = "accession;date;report\nA1;03/04/2020;Clear.\nA2;04/{}/2020;Clear.\n"
    american, european, neither = (read("r.csv", table.format(n)) for n in ("25", "12", "10"))
    assert [one.reported_at for one in american] == [datetime(2020, 3, 4), datetime(2020, 4, 25)]
    assert told(european) == told(neither) == ["report.date", "A1", "report.date", "A2"]
    found = read("r.csv", table.format("12") + "A3;25/12/2020;Clear.\n")
    assert [one.reported_at for one in found] == [datetime(2020, 4, 3), datetime(2020, 12, 4), datetime(2020, 12, 25)]
    both = read("r.csv", table.format("25") + "A3;25/12/2020;Clear.\n")
    assert both[0] == Skipped("report.date") and both[1].reported_at is None
