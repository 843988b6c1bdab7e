"""CSV in every delimiter and encoding met in the field, and everything that must be refused."""

from __future__ import annotations

import csv
import io
import random

import pytest

from anonymize.errors import AnonymizeError
from anonymize.tables import csv_text
from anonymize.tables.csv_structure import Structure, guess_delimiter, lines_of, read_header, scan
from anonymize.tables.files import read_upload
from anonymize.tables.limits import Limits
from anonymize.tables.shapes import shape

KOREAN = "고객번호,이름,주소,결제금액\n" + "\n".join(
    f"{i},{n},서울특별시 {g} {d},{i * 1000}"
    for i, (n, g, d) in enumerate(
        [("김민수", "강남구", "역삼동"), ("이서연", "종로구", "사직동"), ("박지훈", "마포구", "합정동"), ("최유진", "중구", "명동")], 1
    )
)
CHINESE = "客户编号,姓名,地址,金额\n" + "\n".join(
    f"{i},{n},{c}市{d}区{s}路{i}号,{i * 100}"
    for i, (n, c, d, s) in enumerate(
        [("王伟", "北京", "朝阳", "建国"), ("李娜", "上海", "浦东", "世纪"), ("张敏", "广州", "天河", "中山"), ("刘洋", "深圳", "南山", "科技")], 1
    )
)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter_is_found(desk, delimiter):
    loaded = desk.load(f"a{delimiter}b\n1{delimiter}x\n2{delimiter}y\n")
    assert (loaded.delimiter, loaded.rows, desk.column("b")) == (delimiter, 2, ["x", "y"])


def test_a_decimal_comma_does_not_make_a_semicolon_file_a_comma_file():
    assert guess_delimiter("city;share\nA;1,5\nB;2,5\n") == ";"


def test_one_column_needs_no_delimiter(desk):
    assert desk.load("only\n1\n2\n").columns[0].type == "integer"


@pytest.mark.parametrize(
    ("encoding", "text", "told"),
    [
        ("utf-8", KOREAN, "utf-8"),
        ("utf-8-sig", KOREAN, "utf-8"),
        ("utf-16", CHINESE, "utf-16-le"),
        ("utf-16-be", "\ufeff" + KOREAN, "utf-16-be"),
        ("cp949", KOREAN, "cp949"),
        ("euc-kr", KOREAN, "cp949"),
        ("gb18030", CHINESE, "gb18030"),
        ("gbk", CHINESE, "gb18030"),
    ],
)
def test_encodings_are_told_apart_and_text_survives(desk, encoding, text, told):
    loaded = desk.load(text.encode(encoding))
    expected = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert loaded.encoding == told
    assert desk.table().column_names == expected[0]
    assert desk.column(expected[0][1]) == [row[1] for row in expected[1:]]
    assert any("encoding" in note for note in loaded.notes) == (told in ("cp949", "gb18030"))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("성별,나이\n남,30\n여,40\n", "cp949"), ("상호,업종\n한식당,음식점\n", "cp949"), ("性别,年龄\n男,30\n女,40\n", "gb18030"), ("姓名\n陈静\n", "gb18030")],
)
def test_even_a_short_file_shows_its_language(desk, text, encoding):
    assert desk.load(text.encode(encoding)).encoding == encoding


def test_text_that_no_encoding_fits_is_refused_with_its_line(desk):
    error = desk.refusal(b"a,b\n1,x\n2,\xff\xff\n")
    assert error.problems[0].line == 3
    assert error.problems[0].code == "undecodable"


def test_western_latin_text_is_not_taken_for_korean_or_chinese(desk):
    error = desk.refusal("name,town\nGarção Núñez,Besançon\nMüller Åström,Málaga\n".encode("latin-1"))
    assert error.problems[0].code == "undecodable"
    assert error.problems[0].line == 2


def test_a_bom_that_lies_is_refused(desk):
    assert desk.refusal(b"\xef\xbb\xbfa,b\n1,\xb1\xe8\n").problems[0].line == 2


def test_utf_16_without_its_mark_is_refused_as_nul_bytes(desk):
    assert desk.refusal("a,b\n1,2\n".encode("utf-16-le")).problems[0].code in ("nul_byte", "unseen_sign")


def test_quoted_newlines_delimiters_and_quotes_survive(desk):
    desk.load('id,note\n1,"two\nlines, and ""quotes"""\n2,"crlf\r\ninside"\n3,plain\n')
    assert desk.column("note") == ['two\nlines, and "quotes"', "crlf\r\ninside", "plain"]


def test_windows_and_mixed_line_ends_and_a_missing_last_one_are_read(desk):
    assert desk.load(b"a,b\r\n1,2\n3,4\r\n5,6").rows == 3
    assert desk.column("b") == [2, 4, 6]


def test_lines_that_end_in_lone_carriage_returns_throughout_are_read(desk):
    assert desk.load(b"a,b\r1,2\r3,4\r").rows == 2


def test_empty_lines_are_skipped_and_told(desk):
    loaded = desk.load("\n\na,b\n1,2\n\n3,4\n\n\n")
    assert loaded.rows == 2
    assert any("empty lines" in note for note in loaded.notes)


def test_an_empty_field_is_missing_quoted_or_not(desk):
    loaded = desk.load('a,b\n1,""\n2,\n3,x\n')
    assert (loaded.columns[1].nulls, desk.column("b")) == (2, [None, None, "x"])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\n\r\n", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"a,b\n", "no_rows"),
        (b"a,b", "no_rows"),
        (b"a,b\n1,\x00\n", "nul_byte"),
        (b'a,b\n1,"open\n2,3\n', "unclosed_quote"),
        (b'a,b\n1,5" pipe\n', "stray_quote"),
        (b'a,b\n1,"x"y\n', "stray_quote"),
        (b'a,b\n1,"x" \n', "stray_quote"),
        (b"a,b\n1,2\r3,4\n", "lone_carriage_return"),
        (b"a,\n1,2\n", "empty_name"),
        (b"a,a\n1,2\n", "duplicate_name"),
        (b"PAR1....", "wrong_format"),
        (b"PK\x03\x04....", "wrong_format"),
    ],
)
def test_what_is_no_table_is_refused(desk, content, code):
    assert desk.refusal(content).problems[0].code == code


@pytest.mark.parametrize("name", ["data.exe", "data", "../../etc/passwd", "data.csv.zip", ""])
def test_only_known_extensions_are_read_and_names_are_no_paths(desk, name):
    assert desk.refusal("a\n1\n", name).problems[0].code == "unknown_format"


def test_a_file_name_with_path_parts_leaves_no_file_there(desk):
    desk.load("a\n1\n", "..\\../../evil.CSV")


@pytest.mark.parametrize(
    ("first", "second"),
    [("Name", "name"), ("ﬁrst", "first"), ("Ａge", "Age"), ("a b", "a  b"), ("Straße", "STRASSE"), ("раssword", "password"), ("가", "가")],
)
def test_names_that_look_the_same_are_refused_by_position(desk, first, second):
    error = desk.refusal(f"{first},other,{second}\n1,2,3\n")
    assert error.problems[0].code == "duplicate_name"
    assert "column 3" in error.message


@pytest.mark.parametrize("name", ["a\u200bb", "a\u202eb", "a\x07b", '"a\nb"', "\ufeffx y"])
def test_unseen_signs_in_names_are_refused(desk, name):
    assert desk.refusal(f"ok,{name}\n1,2\n").problems[0].code == "unseen_sign"


def test_long_names_and_too_many_columns_are_refused(desk):
    assert desk.refusal("x" * 201 + "\n1\n").problems[0].code == "long_name"
    wide = ",".join(f"c{i}" for i in range(5000))
    assert desk.refusal(f"{wide}\n{wide}\n").problems[0].code == "too_many_columns"


def test_a_thousand_columns_are_read(desk):
    names = [f"n{i}" for i in range(1000)]
    loaded = desk.load(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert [column.name for column in loaded.columns] == names


def test_names_like_sql_survive_untouched(desk):
    names = ['"; drop table students; --', "select", "c1", "c0", "1; --", "a'b", "{0}", "%s", "$1", "x::int", "count(*)"]
    line = io.StringIO()
    csv.writer(line).writerow(names)
    desk.load(line.getvalue() + ",".join(str(i) for i in range(len(names))) + "\n", header="present")
    assert desk.table().to_pydict() == {name: [i] for i, name in enumerate(names)}


def test_ragged_rows_are_listed_with_line_and_width_up_to_twenty(desk):
    rows = ['1,"a\nb"'] + ["1,2,3"] * 30 + ["1"]
    error = desk.refusal("a,b\n" + "\n".join(rows) + "\n")
    assert len(error.problems) == 20
    assert "31 such rows" in error.message
    assert error.problems[0].line == 4
    assert "3 fields where the header has 2" in error.message


def test_a_line_of_a_gigabyte_is_refused_after_a_few_megabytes(desk, monkeypatch):
    read = 0

    def endless(path, encoding):
        nonlocal read
        yield b"a,b\n"
        while read < 1 << 30:
            read += 1 << 20
            yield b"x" * (1 << 20)

    monkeypatch.setattr(csv_text, "utf8_blocks", endless)
    assert desk.refusal("a,b\n1,2\n").problems[0].code == "long_record"
    assert read < 32 << 20


def test_a_quote_that_swallows_the_file_is_refused_at_the_record_limit(desk):
    error = desk.refusal('a,b\n1,"' + "x\n" * 3000, limits=Limits(record=4096))
    assert error.problems[0].code == "long_record"
    assert error.problems[0].line == 2


def test_a_header_without_end_is_refused(desk):
    assert desk.refusal("x" * (1 << 21)).problems[0].code == "long_record"


def test_errors_never_hold_a_value(desk):
    secret = "Zaphod-7784"
    for content in (f"a,b\n{secret}\n", f'a,b\n{secret},"x"{secret}\n', f"a,b\n1,{secret}\xff".encode("latin-1")):
        assert secret not in str(desk.refusal(content).as_dict())


def test_parsers_that_disagree_are_a_refusal(desk, monkeypatch):
    monkeypatch.setattr(csv_text, "scan", lambda *_: Structure(records=7, longest=5, empty_lines=0))
    assert "parser" in desk.refusal("a,b\n1,2\n").message


def test_a_failure_in_the_middle_leaves_nothing_and_says_nothing(desk, monkeypatch):
    def fail(*_):
        raise ValueError("could not convert 'Kim Cheolsu'")

    monkeypatch.setattr("anonymize.tables.files._nulls", fail)
    source = desk.folder / "source"
    source.write_text("a\n1\n")
    with pytest.raises(AnonymizeError) as caught:
        read_upload(source, file_name="x.csv", output=desk.output, scratch=desk.scratch)
    assert caught.value.who == "us"
    assert "Kim" not in str(caught.value)
    assert caught.value.__context__ is None
    assert desk.left() == []


def test_an_earlier_output_is_kept_when_a_later_upload_fails(desk):
    desk.load("a\n1\n")
    before = desk.output.read_bytes()
    with pytest.raises(Exception, match="rows"):
        desk.load("a\n")
    assert desk.output.read_bytes() == before


# --- the scanner against the csv module, on random texts and block sizes ---------------------------------------------


def _random_table(rng: random.Random) -> list[list[str]]:
    pieces = ["x", "é", "한", '"', ",", "\n", "\r\n", "", " ", "1"]
    width = rng.randint(2, 4)
    return [["".join(rng.choices(pieces, k=rng.randint(0, 4))) for _ in range(width)] for _ in range(rng.randint(1, 12))]


def _line_by_hand(text: str, record: int) -> int:
    """Slow and obvious: read with the csv module up to the record before."""
    reader = csv.reader(io.StringIO(text, newline=""))
    for _ in range(record + 1):
        next(reader)
    return reader.line_num + 1


@pytest.mark.parametrize("seed", range(60))
def test_the_scanner_finds_the_records_and_lines_that_the_csv_module_finds(seed):
    rng = random.Random(seed)
    rows = _random_table(rng)
    out = io.StringIO(newline="")
    ending = rng.choice(["\n", "\r\n"])
    writer = csv.writer(out, lineterminator=ending)
    writer.writerow([f"n{i}" for i in range(len(rows[0]))])
    writer.writerows(rows)
    text = out.getvalue()
    data = text.encode()
    header = read_header(data)
    size = rng.randint(1, 9)
    blocks = [data[header.end :][i : i + size] for i in range(0, len(data), size)]
    assert scan(blocks, header, Limits()).records == len(rows)
    found = lines_of(blocks, header, Limits(), range(len(rows)))
    if "\r" not in text.replace("\r\n", ""):
        assert [found[i] for i in range(len(rows))] == [_line_by_hand(text, i) for i in range(len(rows))]


@pytest.mark.parametrize(
    ("value", "told"),
    [("Kim12", "A{3}99"), ("900101-1234567", "9{6}-9{7}"), ("김철수", "A{3}"), ("a@b", "A@A"), ("x" * 500, "A{500}"), ("\u200b1", "?9"), ("a1" * 30, "A9A9A9A9A9A9A9A9A9A…")],
)
def test_a_shape_tells_the_form_and_not_the_value(value, told):
    assert shape(value) == told
    assert len(shape(value)) <= 20


def test_a_record_just_under_the_limit_is_read(desk):
    long = "x" * (7 << 20)
    desk.load(f'a,b\n1,"{long}"\n2,y\n')
    assert [len(value) for value in desk.column("b")] == [len(long), 1]
