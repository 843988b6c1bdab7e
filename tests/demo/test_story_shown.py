"""What the demo prints: plain lines in a file, nothing taken for markup, tables that fit, figures as they were measured."""

from __future__ import annotations

import io
import socket
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from opendata.demo import __main__ as main
from opendata.demo import journey, tell
from opendata.demo.show import Show


def printed(width: int = 60, *, terminal: bool = False) -> tuple[Show, io.StringIO]:
    out = io.StringIO()
    return Show(
        Console(file=out, width=width, highlight=False, emoji=False, soft_wrap=True, force_terminal=terminal)
    ), out


def test_bars_in_a_file_are_one_line_each() -> None:
    show, out = printed()
    with show.bars() as bars:
        bar = bars.add("card-spending", 100)
        for percent in range(100):
            bar.to(percent, "bounding")
        bar.end("75 rows made")
    assert out.getvalue() == "  card-spending        75 rows made\n"


def test_bars_on_a_terminal_end_with_what_came_out() -> None:
    show, out = printed(100, terminal=True)
    with show.bars() as bars:
        bar = bars.add("card-spending", 100)
        bar.to(50, "bounding")
        bar.end("75 rows made [all]")
    assert "75 rows made [all]" in out.getvalue()


def test_names_of_columns_are_not_markup() -> None:
    show, out = printed()
    show.table("of [red]file[/red]", ("column", "why"), [("[bold]a", "[/]")])
    assert "of [red]file[/red]" in out.getvalue()
    assert "[bold]a  [/]" in out.getvalue()


def test_a_table_that_is_too_wide_shortens_its_last_column() -> None:
    show, out = printed(40)
    show.table("", ("column", "why"), [("행정동코드", "가나다라" * 20), ("b", "short")])
    lines = out.getvalue().splitlines()
    assert max(cell_len(line.rstrip()) for line in lines) <= 40
    assert lines[1].rstrip().endswith("…")
    assert lines[2].split() == ["b", "short"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        ("18020000", "18,020,000"),
        ("0.50", "0.50"),
        (None, ""),
        (True, "True"),
        ("가람구", "가람구"),
        ("NaN", "NaN"),
    ],
)
def test_numbers_are_grouped_and_nothing_else_is_touched(value: Any, shown: str) -> None:
    assert tell.number(value) == shown


def test_records_align_figures_and_leave_codes_alone() -> None:
    columns = [{"name": "code", "type": "text"}, {"name": "spend", "type": "decimal"}]
    page = {
        "records": [{"code": "0110", "spend": "12000"}, {"code": None, "spend": None}],
        "meta": {"columns": columns},
    }
    assert tell.records(page) == (["code", "spend"], [["0110", "12,000"], ["", ""]], frozenset({1}))


def test_an_unknown_flag_is_told_with_its_figure() -> None:
    assert tell.flag({"code": "new_kind", "figure": "7"}) == "new kind (7)"
    assert tell.flag({"code": "large_epsilon", "figure": "4"}).endswith("ε 4")


# --- ways not to start -------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main.main(["--folder", str(tmp_path / "var"), "--port", str(port), "--no-serve"]) == 1
    assert (
        capsys.readouterr().out
        == f"Port {port} is in use. Stop what listens there, or choose another: make demo PORT=8001\n"
    )
    assert not (tmp_path / "var").exists()


def test_the_missing_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "find_spec", lambda _: None)
    assert main.main(["--folder", str(tmp_path), "--data", "journey", "--no-serve"]) == 1
    assert capsys.readouterr().out.strip() == journey.MISSING


def test_a_city_of_an_unlikely_size_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["--folder", str(tmp_path / "var"), "--people", "0", "--no-serve"]) == 1
    assert "The city holds from" in capsys.readouterr().out
    assert not (tmp_path / "var").exists()


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with main.held(tmp_path), pytest.raises(main.InUse, match="running on"), main.held(tmp_path):
        pass
    with main.held(tmp_path):
        pass


def test_files_are_written_once_and_half_written_ones_begin_anew(tmp_path: Path) -> None:
    built: list[Path] = []

    def build(folder: Path) -> None:
        folder.mkdir(parents=True)
        built.append(folder)
        (folder / "rows.csv").write_text("a\n")
        if len(built) == 1:
            raise KeyboardInterrupt

    told = main.Plot("city-1", "", (), (), build)
    with pytest.raises(KeyboardInterrupt):
        main.files_of(told, tmp_path)
    first, second = main.files_of(told, tmp_path), main.files_of(told, tmp_path)
    assert first == second == tmp_path / "demo" / "city-1"
    assert len(built) == 2


def test_a_demo_never_meets_the_servers_that_the_shell_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABASE_URL": "postgres://real/people",
        "BROKER_URL": "redis://real",
        "S3_BUCKET": "real",
        "OPENDATA_MODE": "production",
    }.items():
        monkeypatch.setenv(name, value)
    given = main.embedded(tmp_path, 8000).env(worker=True)
    assert "real" not in " ".join(given[name] for name in ("DATABASE_URL", "BROKER_URL", "S3_BUCKET"))
    assert given["OPENDATA_MODE"] == "embedded"
    assert str(tmp_path) in given["DATABASE_URL"]
