"""The file broker between processes: a message is seen whole or not at all."""

from __future__ import annotations

import threading
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from kombu import Connection, Queue
from kombu.transport import TRANSPORT_ALIASES

from opendata import filebroker


@pytest.fixture
def connection(tmp_path: Path):
    filebroker.install()
    for part in ("queue", "control"):
        (tmp_path / part).mkdir()
    folder = str(tmp_path / "queue")
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    with Connection("filesystem://localhost", transport_options=options) as made:
        yield made


@pytest.fixture
def bell() -> str:
    """A name of its own: kombu remembers bindings for the whole process."""
    return f"bell-{uuid.uuid4().hex}"


def test_the_alias_means_our_transport(connection):
    assert TRANSPORT_ALIASES["filesystem"] == "opendata.filebroker:Transport"
    assert isinstance(connection.default_channel, filebroker.Channel)


def test_what_is_put_in_comes_out_once(connection, bell):
    queue = connection.SimpleQueue(bell)
    queue.put({"id": 7})
    assert queue.get(timeout=60).payload == {"id": 7}
    with pytest.raises(queue.Empty):
        queue.get(timeout=0.2)


@pytest.mark.parametrize("content", [b"", b'{"half', b"\xff"])
def test_a_message_that_cannot_be_read_does_not_end_the_reader(connection, tmp_path, bell, content):
    queue = connection.SimpleQueue(bell)
    (tmp_path / "queue" / f"1_x.{bell}.msg").write_bytes(content)
    queue.put({"id": 8})
    seen = None
    with suppress(queue.Empty):
        seen = queue.get(timeout=60).payload
    assert seen == {"id": 8}


def test_kombus_own_transport_is_the_one_that_fails(tmp_path):
    """The fault that this module is for; if kombu mends it, the module can go."""
    from kombu.transport import filesystem

    folder = str(tmp_path)
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": str(tmp_path / "control")}
    with Connection("filesystem://localhost", transport=filesystem.Transport, transport_options=options) as theirs:
        (tmp_path / "1_x.bell.msg").write_bytes(b"")
        with pytest.raises(ValueError, match="Expecting value"):
            theirs.default_channel._get("bell")


def test_many_writers_and_a_reader_lose_nothing_and_never_fail(connection, tmp_path, bell):
    wanted = 200
    channel = connection.default_channel
    Queue(bell)(channel).declare()
    writers = [threading.Thread(target=lambda n=n: [channel._put(bell, {"n": n, "i": i}) for i in range(wanted // 4)]) for n in range(4)]
    for writer in writers:
        writer.start()
    seen = []
    while len(seen) < wanted and (any(w.is_alive() for w in writers) or list((tmp_path / "queue").glob("*.msg"))):
        try:
            seen.append(channel._get(bell))
        except Exception as error:
            assert type(error).__name__ == "Empty"  # noqa: PT017  nothing but "not yet"
    assert len(seen) == wanted


def test_bindings_made_at_the_same_time_are_all_kept(connection):
    channel = connection.default_channel
    threads = [threading.Thread(target=channel._queue_bind, args=("bells", f"key{n}", "", f"queue{n}")) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {row.queue for row in channel.get_table("bells")} == {f"queue{n}" for n in range(20)}
