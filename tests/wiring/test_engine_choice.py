"""Which table engine a worker opens, and what stops it from starting without one."""

from __future__ import annotations

import pytest

from anonymize.errors import AnonymizeError
from anonymize.tables import DuckEngine, PandasEngine, SparkEngine, spark_session
from anonymize.tables.choice import open_engine
from catalog.releases.jobs import engine_in
from opendata.checks import safety


@pytest.mark.parametrize(("name", "kind"), [("duck", DuckEngine), ("pandas", PandasEngine)])
def test_a_worker_opens_the_engine_that_the_setting_names(settings, tmp_path, name, kind):
    settings.ENGINE = name
    with engine_in(tmp_path) as engine:
        assert type(engine) is kind


def test_spark_is_given_the_master_and_the_folder_of_the_job(settings, tmp_path, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(SparkEngine, "__init__", lambda engine, **options: asked.append(options))
    settings.ENGINE, settings.SPARK_MASTER = "spark", "spark://cluster:7077"
    engine_in(tmp_path)
    assert asked == [{"temp_directory": tmp_path, "master": "spark://cluster:7077"}]


def test_an_engine_that_there_is_not_is_refused_by_name(tmp_path):
    with pytest.raises(AnonymizeError, match="'sprak'; there are duck, pandas, spark"):
        open_engine("sprak", temp_directory=tmp_path)


def test_a_misspelt_engine_stops_the_boot(settings):
    settings.ENGINE = "sprak"
    assert ["ENGINE names no table engine." in error.msg for error in safety(None)] == [True]


def test_only_workers_need_what_the_engine_needs(settings, monkeypatch):
    monkeypatch.setattr(spark_session, "missing", lambda: spark_session.NO_JAVA)
    settings.ENGINE = "spark"
    assert settings.VAULT_IDENTITY_FILE
    assert [(error.msg, error.hint) for error in safety(None)] == [("The table engine cannot be opened on this machine.", spark_session.NO_JAVA)]
    settings.VAULT_IDENTITY_FILE = ""
    assert safety(None) == []
