"""A header that is somebody's record stops the upload and is quoted nowhere; a header that is one does not."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from anonymize.errors import AnonymizeError, HeaderLooksLikeValues, InputError
from anonymize.tables.csv_structure import read_header
from anonymize.tables.encoding import decide, utf8_blocks
from anonymize.tables.files import read_upload
from anonymize.tables.header import Heading, check, is_personal
from anonymize.tables.limits import Limits
from tests.conftest import SHARED

PEOPLE = [
    ["홍길동", "900101-1234567", "4111-1111-1111-1111", "34", "서울"],
    ["김영희", "880202-2234568", "5500-0000-0000-0004", "29", "부산"],
    ["이철수", "770303-1234569", "3400-0000-0000-009", "51", "대구"],
]
NAMES = ["name", "rrn", "card", "age", "city"]


def text_of(rows):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def workbook(rows) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def parquet(names, rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)}), out)
    return out.getvalue()


def says_nothing_of(error: AnonymizeError, values) -> bool:
    told = json.dumps(error.as_dict(), ensure_ascii=False) + str(error) + repr(error)
    return not any(value in told for value in values)


# --- what is refused ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_a_file_whose_first_person_stands_where_the_names_should_be_is_refused_without_a_word_of_it(desk, kind):
    content = {"csv": lambda: text_of(PEOPLE).encode(), "xlsx": lambda: workbook(PEOPLE), "parquet": lambda: parquet(PEOPLE[0], PEOPLE[1:])}[kind]()
    error = desk.refusal(content, f"people.{kind}")
    assert isinstance(error, HeaderLooksLikeValues)
    assert error.code == "header_looks_like_values"
    assert {problem.code for problem in error.problems} == {"header_looks_like_values"}
    assert "column 2" in error.message
    assert "no header" in error.message
    assert error.problems[0].shape == "9{6}-9{7}"
    assert says_nothing_of(error, [value for value in PEOPLE[0] if len(value) > 2])


@pytest.mark.parametrize(
    "cell",
    [
        "900101-1234567", "9001011234567", "900101-7000000", "010-1234-5678", "01012345678", "０１０-1234-5678", "+82 10-1234-5678", "hong@example.com",
        "4111 1111 1111 1111", "4111111111111111", "110-234-567890", "M12345678", "M123A4567", "192.168.10.20", "490154203237518",
        "00:1A:2B:3C:4D:5E", "12가3456", "123456789", "12-34-567890-12", "11010519491231002X", "연락처 010-1234-5678", "홍*동", "010-****-5678", "010-1234-****",
    ],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["auto", "present"])
def test_a_personal_identifier_is_never_the_name_of_a_column_whatever_is_said(desk, cell, mode):
    error = desk.refusal(f"a,{cell}\nx,y\nz,w\n", header=mode)
    assert error.code == "header_looks_like_values"
    assert says_nothing_of(error, [cell])
    assert is_personal(cell)


@pytest.mark.parametrize(
    "cell",
    ["34", "3.5", "-2", '"1,200"', "(350)", "1.1E+17", "₩3000", '"3,000원"', "12.5%", "2019-04-01", "20190401", "2019.4.1", "2019. 4. 1.", "2019년 4월 1일",
     "01/04/2019", "2019-04-01 10:20:30", "2026-03-02T00:30:00+09:00", "09:30", "2019-04", "2019", "8928308280fffff", "https://example.org/p/1"],
)  # fmt: skip
def test_a_value_where_a_name_should_be_is_refused_unless_the_names_are_said_to_be_meant(desk, cell):
    assert desk.refusal(f"a,{cell}\nx,y\nz,w\n").code == "header_looks_like_values"
    assert desk.load(f"a,{cell}\nx,y\nz,w\n", header="present").rows == 2


@pytest.mark.parametrize(
    "rows",
    [
        [["M", "서울"], ["F", "부산"], ["M", "대구"]],  # stands in its column too
        [["P001", "x"], *([f"P{i:03}", "y"] for i in range(2, 9))],  # a code among codes
        [["홍길동", "x"], *([name, "y"] for name in ("김영희", "이철수", "박민수", "최유진", "정다은"))],  # a name among names
        [["서울특별시 강남구 역삼동", "x"], *([f"서울특별시 {gu} 신사동", "y"] for gu in ("종로구", "중구", "마포구", "서초구", "송파구"))],
        [["1", "a"], ["2", "b"], ["3", "c"]],  # the number of the row
        [["1", "2", "3", "u"], ["2", "9", "9", "v"], ["3", "9", "9", "w"], ["4", "9", "9", "x"]],  # ... whatever follows it
        [["2019", "2020", "u"], ["2018", "2021", "v"], ["2017", "2022", "w"]],  # years over years
        [["2019-01-01", "2019-02-01"], ["2018-01-01", "2018-03-01"]],  # days over days
        [["가", "나"]] * 6,  # one record again and again
    ],
)  # fmt: skip
def test_a_record_that_is_like_those_below_it_is_no_header(desk, rows):
    assert desk.refusal(text_of(rows)).code == "header_looks_like_values"


# --- what is not refused -----------------------------------------------------------------------------------------

HEADERS = [
    "id,name,age,gender,income", "고객번호,이름,주소,결제금액", "성명,성별,연령,주소,전화번호,카드번호,주민등록번호", "客户编号,姓名,地址,金额", "日期,城市,温度",
    "district,2019,2020,2021", "행정동,2024-01,2024-02,2024-03", "자치구,202401,202402,202403", "area,2024-01-01,2024-01-02", "0,1,2,3,4", "dong,1,2,3,4,5,6,7",
    "시간대,00,01,02,03,04", "구분,0-9세,10-19세,20-29세,65+", "age,0-9,10-19,20-29", "income,1500-1999,2000-2499", "소득,\"10,000-19,999\",\"20,000-29,999\"",
    "hour,00:00,01:00,02:00", "x,1%,5%,50%,95%", "PUMA,AGEP,SEX,MSP,HISP,RAC1P,NOC,NPF,HOUSING_TYPE,OWN_RENT,DENSITY,INDP,INDP_CAT,EDU,PINCP,PINCP_DECILE",
    "기준일ID,시간대구분,행정동코드,총생활인구수", "B01001_001E,B01001_002E", "Q1,Q2_1,Q2_2,Q3", "x1,x2,x3,x4", "2019년,2020년", "1월,2월,3월", "1분기,2분기",
    "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country", "user_a,user_b,timestamp,duration", "이름*,연락처*,비고",
    "기준_년분기_코드,상권_구분_코드,점포_수", "e-mail,IP,IMEI,URL", "lat,lon", "위도(WGS84),경도(WGS84)", "매출(백만원),증감률(%)", "M,F,total", "남,여,계",
    "age;workclass;education-num;native-country;salary-class", "2010,2015,2020,합계", "0,5,10,15,20,25", "행정동,1주,2주", "Unnamed: 0,value", "a.b.c,d/e",
    "2024.01.01-2024.01.07,2024.01.08-2024.01.14", "강남구,서초구,송파구", "교수,학생,직원", "PM2.5,PM10,O3,NO2", "H1N1,COVID-19", "출발 시군구 동,도착 시군구 동",
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_as_people_write_them_is_taken(desk, header):
    delimiter = ";" if ";" in header else ","
    width = len(next(csv.reader([header], delimiter=delimiter)))
    rows = [delimiter.join(str(100 * row + 7 * column + row * column) for column in range(width)) for row in range(1, 13)]
    assert desk.load(header + "\n" + "\n".join(rows) + "\n").rows == 12


def test_a_header_line_that_comes_again_in_files_put_together_is_no_record(desk):
    rows = [f"person {i},town {i % 7}" for i in range(40)]
    assert desk.load("\n".join(["who,where", *rows[:20], "who,where", *rows[20:]]) + "\n").rows == 41


# --- what the steward says ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_without_a_header_the_first_record_is_data_and_the_names_are_those_given(desk, kind):
    content = text_of(PEOPLE) if kind == "csv" else workbook(PEOPLE)
    loaded = desk.load(content, f"people.{kind}", header="absent", names=NAMES, types={"age": "text"})
    assert loaded.rows == 3
    assert [column.name for column in loaded.columns] == NAMES
    assert desk.column("name") == [row[0] for row in PEOPLE]
    assert desk.column("age") == ["34", "29", "51"]


def test_lines_of_a_file_without_a_header_are_counted_from_its_first(desk):
    error = desk.refusal("1,2\n3,4,5\n", header="absent", names=["a", "b"])
    assert (error.problems[0].code, error.problems[0].line) == ("ragged_row", 2)
    rows = "\n".join(["x,1"] * 3 + ["x,y"])
    assert desk.refusal(rows, header="absent", names=["a", "b"], types={"b": "integer"}).problems[0].line == 4


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp949"])
def test_a_file_without_a_header_may_have_any_encoding(desk, encoding):
    desk.load(text_of(PEOPLE).encode(encoding), header="absent", names=NAMES)
    assert desk.column("name") == [row[0] for row in PEOPLE]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("names", [NAMES[:4], [*NAMES, "more"]])
def test_names_are_one_for_each_column(desk, kind, names):
    content = text_of(PEOPLE) if kind == "csv" else workbook(PEOPLE)
    assert desk.refusal(content, f"p.{kind}", header="absent", names=names).problems[0].code == "names_do_not_match"


@pytest.mark.parametrize(
    ("names", "code"),
    [(["a", "A"], "duplicate_name"), (["a", " "], "empty_name"), (["a", "b\u200b"], "unseen_sign"), (["a", "x" * 201], "long_name"), (["a", "010-1234-5678"], "header_looks_like_values")],
)
def test_names_that_are_given_are_checked_as_those_of_a_file_are(desk, names, code):
    assert desk.refusal("u,v\nw,x\n", header="absent", names=names).problems[0].code == code


@pytest.mark.parametrize(("mode", "names"), [("absent", []), ("auto", ["a"]), ("present", ["a"]), ("perhaps", [])])
def test_what_is_said_of_the_header_must_make_sense(mode, names):
    with pytest.raises(InputError):
        Heading(mode, tuple(names))


def test_a_parquet_file_is_never_without_names(desk):
    error = desk.refusal(parquet(["a"], [["x"]]), "p.parquet", header="absent", names=["b"])
    assert error.problems[0].code == "wrong_header_declaration"


# --- other errors come while or before the header is judged ------------------------------------------------------

CANARY = "Qzvkwhtyrplmnbxcdfgjsaeu"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (f"{CANARY},{CANARY}\n1,2\n", "p.csv"), (f"{CANARY},{CANARY * 10}\n1,2\n", "p.csv"), (f"{CANARY},{CANARY}\u200b\n1,2\n", "p.csv"), (f"{CANARY},\n1,2\n", "p.csv"),
        (f"{CANARY},b\n1,2,3\n", "p.csv"), (f'{CANARY},b\n1,"2\n', "p.csv"), (f'{CANARY},b\n1,2"2\n', "p.csv"), (f"{CANARY},b\n1,\0\n", "p.csv"), (f"{CANARY},b\n", "p.csv"),
        (f"{CANARY}{'x' * 200_000},b\n1,2\n", "p.csv"), (f"{CANARY},b\n1,2\r3,4\n", "p.csv"), (f"{CANARY},34\n1,2\n", "p.csv"), (f"{CANARY},b\n", "p.xlsx"),
        ((f"{CANARY},b\n1,".encode() + b"\xff\xff\n"), "p.csv"), (workbook([[CANARY, CANARY], [1, 2]]), "p.xlsx"), (workbook([[CANARY, "b"], [1, 2, 3]]), "p.xlsx"),
        (workbook([[CANARY, "b"]]), "p.xlsx"), (workbook([[CANARY, "b"], [1, 2]])[:-90], "p.xlsx"), (parquet([CANARY, "34"], [["x", "y"]]), "p.parquet"),
        (parquet([CANARY, CANARY.lower()], [["x", "y"]]), "p.parquet"), (parquet([CANARY], []), "p.parquet"), (parquet([CANARY], [["x"]])[:-9], "p.parquet"),
    ],
)  # fmt: skip
def test_no_error_of_structure_or_names_quotes_a_cell_of_the_header(desk, content, name):
    error = desk.refusal(content, name)
    assert says_nothing_of(error, [CANARY, CANARY.lower()])


# --- real files --------------------------------------------------------------------------------------------------

HIERARCHIES = "adult_hierarchy_"  # files of values: they have no header
TITLES = ("08-title-line-above-header", "28-xlsx-unit-row-total-footnote")  # below their first line stands another header


def real_files() -> list[Path]:
    return [path for part in ("data", "trials") for path in sorted((SHARED / part).rglob("*")) if path.suffix in (".csv", ".xlsx", ".parquet")]


def code_of(path: Path, folder: Path) -> str:
    try:
        read_upload(path, file_name=path.name, output=folder / "typed.parquet", scratch=folder)
    except InputError as error:
        return error.code
    return "read"


def without_its_first_record(path: Path, folder: Path) -> Path:
    """The same table without a header; a Parquet file as CSV, of at most 5,000 rows."""
    target = folder / f"headerless{'.csv' if path.suffix == '.parquet' else path.suffix}"
    if path.suffix == ".csv":
        text = b"".join(utf8_blocks(path, decide(path)))
        target.write_bytes(text[read_header(text[: 1 << 20]).end :])
    elif path.suffix == ".parquet":
        pa_csv.write_csv(pq.read_table(path).slice(0, 5000), target, pa_csv.WriteOptions(include_header=False))
    else:
        book = openpyxl.load_workbook(path)
        book.worksheets[0].delete_rows(1)
        book.save(target)
    return target


def test_no_real_header_is_refused_and_every_real_file_without_its_header_is(shared_data, tmp_path):
    paths = real_files()
    taken = {path for path in paths if code_of(path, tmp_path) != "header_looks_like_values"}
    assert [path.name for path in taken if path.name.startswith(HIERARCHIES)] == []
    assert [path.name for path in paths if path not in taken and not path.name.startswith(HIERARCHIES)] == []
    headed = [path for path in taken if path.parent.name not in TITLES]
    assert len(headed) >= 10
    missed = [path.name for path in headed if code_of(without_its_first_record(path, tmp_path), tmp_path) != "header_looks_like_values"]
    assert missed == []


# --- the command line --------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "anonymize", *arguments], capture_output=True, text=True, check=False)


def test_the_command_line_takes_a_file_without_a_header(tmp_path):
    source = tmp_path / "people.csv"
    source.write_text(text_of(PEOPLE))
    refused = command("profile", str(source))
    assert refused.returncode == 2
    assert "header" in refused.stderr
    assert PEOPLE[0][1] not in refused.stderr + refused.stdout
    done = command("profile", str(source), "--no-header", "--names", ",".join(NAMES))
    assert [column["name"] for column in json.loads(done.stdout)["columns"]] == NAMES
    source.write_text("a,34\nx,y\n")
    assert command("profile", str(source), "--header", "present").returncode == 0


ENGLISH = ("James Smith", "Mary Johnson", "Robert Brown", "Linda Davis", "John Wilson", "Susan Clark")
CHINESE = ("王小明", "李建国", "张伟", "刘洋", "陈静", "杨帆")
KOREAN = ("김영희", "이철수", "박민수", "최유진", "정다은", "조현우")


@pytest.mark.parametrize(
    ("names", "cell"),
    [(ENGLISH, "Theodore Blackwood"), (CHINESE, "欧阳文博"), (KOREAN, "백승현"), (KOREAN, "강지원"), (KOREAN, "남궁민수"), (KOREAN, "박영주")],
)
def test_a_name_that_no_list_knows_is_seen_among_names(names, cell):
    records = [[name, "florist"] for name in names]
    with pytest.raises(HeaderLooksLikeValues) as refused:
        check([cell, "work"], records, Heading(), Limits())
    assert cell not in str(refused.value)


@pytest.mark.parametrize("title", ["Full Name", "Customer", "Account Holder", "Name", "성명", "고객명", "신청인", "이름", "姓名", "客户", "联系人", "Given Name"])
def test_a_title_over_names_is_none(title):
    for names in (ENGLISH, CHINESE, KOREAN):
        check([title, "work"], [[name, "florist"] for name in names], Heading(), Limits())
