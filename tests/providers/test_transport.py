"""Every way a call can break, and whether it may have bought something."""

import gzip
import socket
import time
import zlib
from dataclasses import replace

import pytest
import urllib3
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url

from overcrank.providers import connections
from overcrank.providers import http as http_module
from overcrank.providers.base import Accepted, InDoubt, NotSent, Rejected, Running, Throttled, Unavailable
from overcrank.providers.connections import call

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"id": "g1"}'


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_refused_connection_sent_nothing(make_sheep, request_, closed_port) -> None:
    """Where nobody listens nothing was bought."""
    answer = make_sheep(f"http://127.0.0.1:{closed_port}").create(request_)
    assert NotSent("the connection was refused, or there is no way to the host") == answer


def test_an_unknown_name_sent_nothing(make_sheep, request_, monkeypatch) -> None:
    """Where the name does not resolve nothing was bought."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert NotSent("the host's name is not known") == make_sheep("http://vendor.invalid").create(request_)


def test_a_connection_that_takes_too_long_sent_nothing(make_sheep, request_) -> None:
    """A full backlog lets nobody in: the connection times out before a byte leaves."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        answer = make_sheep(f"http://127.0.0.1:{listening.getsockname()[1]}").create(request_)
        for one in waiting:
            one.close()
    assert NotSent("there was no connection in time") == answer


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_failed_handshake_sent_nothing(make_vendor, make_sheep, request_, end) -> None:
    """TLS that never came about carried no request."""
    vendor = make_vendor()
    vendor._read = lambda connection: bool(connection.recv(65536))
    vendor.raw(b"HTTP/1.1 400 This is not TLS\r\n\r\n" if end == "close" else b"", end=end)
    answer = make_sheep(f"https://127.0.0.1:{vendor.port}").create(request_)
    assert NotSent is type(answer)


@pytest.mark.parametrize(
    ("pieces", "end"),
    [
        ([], "close"), ([], "reset"), ([], "hang"), ([b"HTTP/1.1 200"], "close"), ([b"HTTP/1.1 200"], "hang"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], "reset"), ([b"not HTTP at all\r\n\r\n"], "close"),
        ([b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "g1"}'], "close"),
        ([b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id"'], "hang"),
        ([b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id"'], "reset"),
        ([b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nc\r\n{"id": "g1"}\r\n'], "close"),
        ([b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{"id": "g1"}\r\n0\r\n\r\n'], "close"),
        ([b'HTTP/1.1 422 No\r\nContent-Length: 500\r\n\r\n{"error"'], "close"),
        ([b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"], "close"),
        ([b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"], "close"),
    ],
)  # fmt: skip
def test_whatever_breaks_once_a_request_left_is_in_doubt(vendor, sheep, request_, pieces, end) -> None:
    """Resets, silence, half answers and nonsense after the request: the clip may be bought."""
    vendor.raw(*pieces, end=end)
    answer = sheep.create(request_)
    assert (InDoubt, 1) == (type(answer), len(vendor.asked))


def test_a_stale_kept_connection_is_in_doubt(vendor, sheep, request_) -> None:
    """A kept connection that closes under the second request may have carried it: it is not sent again."""
    vendor.says(200, {"id": "g1"}, end="keep").raw(end="reset")
    assert Accepted("g1") == sheep.create(request_)
    assert (InDoubt, 2) == (type(sheep.create(request_)), len(vendor.asked))


def test_a_kept_connection_is_used_again(vendor, sheep, request_) -> None:
    """Two calls go over one connection."""
    vendor.says(200, {"id": "g1"}, end="keep").says(200, {"id": "g2"}, end="keep")
    answers = [sheep.create(request_), sheep.create(request_)]
    assert [Accepted("g1"), Accepted("g2")] == answers
    assert vendor.connections == 1


def test_a_connection_that_rested_is_not_used_again(vendor, sheep, request_, monkeypatch) -> None:
    """The other end may be closing a kept connection: after a rest a paid call gets a new one."""
    vendor.says(200, {"id": "g1"}, end="keep").says(200, {"id": "g2"}, end="keep")
    sheep.create(request_)
    monkeypatch.setattr(connections, "IDLE", 0.0)
    assert Accepted("g2") == sheep.create(request_)
    assert vendor.connections == 2


@pytest.mark.parametrize("part", ["headers", "body"])
def test_an_answer_that_drips_ends_at_the_deadline(vendor, make_sheep, request_, part) -> None:
    """Each byte comes in time and the whole never does: one deadline ends it, also within the headers."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n" + (b"\r\n" if part == "body" else b"X: ")
    vendor.raw(head, *[b" "] * 400, pause=0.02)
    began = time.monotonic()
    answer = make_sheep(vendor.url, connect_timeout=0.1, read_timeout=0.2).create(request_)
    assert (InDoubt, True) == (type(answer), time.monotonic() - began < 2)


def test_what_should_have_left_long_ago_is_not_sent(vendor, sheep, request_) -> None:
    """A worker that stood still between its permit and its call sends no byte of it: it is certainly not bought."""
    late = replace(request_, latest=time.monotonic() - 0.001)
    assert NotSent("this worker was held up, and it is too late to send it") == sheep.create(late)
    vendor.says(422, b"")
    sheep.create(replace(request_, latest=time.monotonic() + 60))
    assert 1 == len(vendor.asked)


def test_an_answer_without_end_is_not_read_to_the_end(vendor, sheep, request_) -> None:
    """More than a mebibyte is no answer of ours, declared or not."""
    vendor.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{", end="hang")
    vendor.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 40)
    expected = InDoubt("the vendor answered 200, and the answer is too large")
    assert [expected, expected] == [sheep.create(request_), sheep.create(request_)]


def test_a_huge_refusal_is_still_a_refusal(vendor, sheep, request_) -> None:
    """The status line says that nothing was bought, however long the page below it is."""
    vendor.raw(b"HTTP/1.1 429 Slow\r\nContent-Length: 9999999\r\n\r\n", end="hang")
    vendor.raw(b"HTTP/1.1 422 Big\r\nContent-Length: 9999999\r\n\r\n", end="hang")
    answers = [sheep.create(request_), sheep.create(request_)]
    assert [Throttled(None), Rejected("http_422", "the vendor answered 422")] == answers


def test_a_gzip_bomb_is_not_unpacked(vendor, sheep, request_) -> None:
    """What unpacks to more than a mebibyte is stopped there."""
    bomb = gzip.compress(b" " * 200_000_000, 1, mtime=0)
    vendor.says(200, bomb, Content_Encoding="gzip")
    assert InDoubt("the vendor answered 200, and the answer is too large") == sheep.create(request_)


@pytest.mark.parametrize(
    ("encoding", "content", "expected"),
    [
        ("gzip", gzip.compress(b'{"id": "g1"}', mtime=0), Accepted("g1")),
        ("deflate", zlib.compress(b'{"id": "g1"}'), Accepted("g1")),
        ("identity", b'{"id": "g1"}', Accepted("g1")),
        (
            "gzip",
            gzip.compress(b'{"id": "g1"}', mtime=0)[:-9],
            InDoubt("the vendor answered 200, and the answer was cut off"),
        ),
        ("gzip", b'{"id": "g1"}', InDoubt("the vendor answered 200, and the answer is not readable")),
        ("br", b"whatever", InDoubt("the vendor answered 200, and the answer is not readable")),
    ],
)
def test_packed_answers_are_unpacked_where_that_is_known(vendor, sheep, request_, encoding, content, expected) -> None:
    """Packing was not asked for; a vendor that packs all the same is read with care."""
    vendor.says(200, content, Content_Encoding=encoding)
    assert expected == sheep.create(request_)


def test_no_proxy_and_no_netrc_is_looked_up(vendor, sheep, request_, monkeypatch, tmp_path) -> None:
    """The environment can not lead calls elsewhere, or add a password to them."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    vendor.says(200, {"id": "g1"})
    assert Accepted("g1") == sheep.create(request_)
    assert vendor.asked[0].headers["authorization"].startswith("Bearer ")


def test_cookies_are_not_kept(vendor, sheep) -> None:
    """What the vendor sets is not sent back: calls from many threads share nothing."""
    vendor.says(200, {"status": "queued"}, Set_Cookie="a=b").says(200, {"status": "queued"})
    assert [Running(), Running()] == [sheep.status("g", None), sheep.status("g", None)]
    assert "cookie" not in vendor.asked[1].headers


def test_a_question_that_broke_is_only_unavailable(vendor, sheep, closed_port, make_sheep) -> None:
    """Status calls buy nothing, so every failure of theirs means: ask again."""
    vendor.raw(end="reset").raw(end="hang").raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
    answers = [type(sheep.status("g", None)) for _ in range(3)]
    answers.append(type(make_sheep(f"http://127.0.0.1:{closed_port}").status("g", None)))
    assert [Unavailable] * 4 == answers


def test_a_call_of_unknown_stage_counts_as_sent() -> None:
    """Should the connections ever stop reporting, an error that proves nothing is taken as sent."""
    call.stage = "unknown"
    assert (
        http_module._left(ConnectionResetError()),
        http_module._left(urllib3.exceptions.ConnectTimeoutError()),
    ) == (True, False)


hosts = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}[a-z0-9]", fullmatch=True)
targets = st.text("/abcXYZ019._~?=&-%[ é", max_size=30)


@example("http", "vendor.example", "", "a/../b")
@example("http", "vendor.example", "", ".")
@example("https", "vendor.example", ":65536", "clip.mp4")
@given(st.sampled_from(["http", "https"]), hosts, st.sampled_from(["", ":1", ":8080", ":65535"]), targets)
def test_a_plain_address_is_read_as_the_library_reads_it(scheme, host, port, rest):
    """Where an address is taken apart by us, scheme, host, port and what is asked for are the library's own."""
    plain = connections.PLAIN.fullmatch(f"{scheme}://{host}{port}/{rest}")
    if plain is not None:
        theirs = parse_url(f"{scheme}://{host}{port}/{rest}")
        ours = (plain[1], plain[2], int(plain[3]) if plain[3] else None, plain[4])
        assert (theirs.scheme, theirs.host, theirs.port, theirs.request_uri) == ours
    else:
        assert set("%[ é") & set(rest) or "/." in f"/{rest}" or port > ":6"
