"""Fetching what was paid for: resumed, checked, and only from where it may come."""

import fcntl
import hashlib
import json
import os
import socket
from pathlib import Path

import pytest

from overcrank.providers.address import Allowed, Origin, is_public
from overcrank.providers.base import Broken, Downloaded, Expired, Unavailable

FILM = bytes(range(256)) * 1000
SHA = hashlib.sha256(FILM).hexdigest()
DONE = Downloaded(len(FILM), SHA)
HEAD = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FILM)}\r\nConnection: close\r\n".encode()


@pytest.fixture
def part(tmp_path) -> Path:
    """Where the clip is to be written."""
    return tmp_path / "clip.part"


def rest(start: int, etag: str = "", total: str = str(len(FILM))) -> bytes:
    """Return the answer that carries the film from *start* on."""
    head = f"HTTP/1.1 206 Part\r\nContent-Range: bytes {start}-{len(FILM) - 1}/{total}\r\n"
    head += f"Content-Length: {len(FILM) - start}\r\nConnection: close\r\n" + (f"ETag: {etag}\r\n" if etag else "")
    return head.encode() + b"\r\n" + FILM[start:]


def test_a_whole_clip_is_fetched_and_checked(vendor, sheep, part) -> None:
    """Size and SHA-256 are of the bytes on disk; the key stays at home."""
    vendor.says(200, FILM, Content_Type="video/mp4")
    assert sheep.download(vendor.url + "/c.mp4?signature=s", part, SHA.upper()) == DONE
    assert part.read_bytes() == FILM
    headers = vendor.asked[0].headers
    assert (
        headers["accept-encoding"],
        "authorization" in headers,
        "range" in headers,
    ) == ("identity", False, False)


def test_a_relative_address_is_the_vendors_own(vendor, sheep, part) -> None:
    """A path alone is asked at the vendor."""
    vendor.says(200, FILM)
    assert sheep.download("/c.mp4", part) == DONE


def test_a_clip_without_a_length_is_fetched(vendor, sheep, part) -> None:
    """Chunked answers end by themselves."""
    vendor.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(FILM) + FILM + b"\r\n0\r\n\r\n")
    assert sheep.download(vendor.url + "/c", part) == DONE


@pytest.mark.parametrize("end", ["close", "reset", "hang"])
def test_a_cut_clip_is_resumed_by_its_etag(vendor, sheep, part, end) -> None:
    """What came before the cut stays, and only the rest is asked for, if it is still the same clip."""
    vendor.raw(HEAD + b'ETag: "v1"\r\n\r\n' + FILM[:100_000], end=end)
    cut = sheep.download(vendor.url + "/c?signature=first", part)
    had = part.stat().st_size
    vendor.raw(rest(had, '"v1"'))
    assert (Broken, DONE) == (type(cut), sheep.download(vendor.url + "/c?signature=second", part))
    assert (f"bytes={had}-", '"v1"') == (vendor.asked[1].headers["range"], vendor.asked[1].headers["if-range"])
    assert (part.read_bytes(), 0 < had <= 100_000) == (FILM, True)
    assert "signature" not in cut.message


def test_a_cut_clip_is_resumed_where_its_sum_is_known(vendor, sheep, part) -> None:
    """Without an ETag the promised SHA-256 proves that the parts belong together."""
    part.write_bytes(FILM[:5000])
    vendor.raw(rest(5000))
    assert sheep.download(vendor.url + "/c", part, SHA) == DONE
    assert "if-range" not in vendor.asked[0].headers


def test_bytes_that_prove_nothing_are_not_resumed(vendor, sheep, part) -> None:
    """Without ETag and sum the clip is fetched anew."""
    part.write_bytes(b"something else")
    vendor.says(200, FILM, ETag='W/"weak"')
    assert sheep.download(vendor.url + "/c", part) == DONE
    assert ("range" in vendor.asked[0].headers, False) == (False, part.with_name("clip.part.etag").exists())


def test_a_vendor_that_ignores_ranges_sends_it_whole(vendor, sheep, part) -> None:
    """A 200 to a range replaces what was there."""
    part.write_bytes(b"x" * 300_000)
    vendor.says(200, FILM)
    assert sheep.download(vendor.url + "/c", part, SHA) == DONE
    assert part.read_bytes() == FILM


def test_all_of_it_was_there(vendor, sheep, part) -> None:
    """A clip that was whole before is only checked."""
    part.write_bytes(FILM)
    vendor.says(416, b"", Content_Range=f"bytes */{len(FILM)}")
    assert sheep.download(vendor.url + "/c", part, SHA) == DONE


def test_a_range_that_can_not_be_starts_anew(vendor, sheep, part) -> None:
    """More than there is can not be resumed."""
    part.write_bytes(FILM + b"more")
    vendor.says(416, b"", Content_Range=f"bytes */{len(FILM)}").says(200, FILM)
    assert sheep.download(vendor.url + "/c", part, SHA) == DONE


@pytest.mark.parametrize(
    "answer", [rest(4000), rest(6000), rest(5000).replace(b"Content-Range", b"X-Range"), rest(5000, '"v2"')]
)
def test_another_part_than_was_asked_for_is_thrown_away(vendor, sheep, part, answer) -> None:
    """Parts that do not belong together never become a clip."""
    part.write_bytes(FILM[:5000])
    part.with_name("clip.part.etag").write_text(json.dumps({"etag": '"v1"'}))
    vendor.raw(answer)
    assert Broken is type(sheep.download(vendor.url + "/c", part))
    assert not part.exists()


def test_a_wrong_sum_throws_the_clip_away(vendor, sheep, part) -> None:
    """What is not what was promised can not be resumed either."""
    vendor.says(200, FILM, ETag='"v1"')
    assert Broken("the clip's SHA-256 is not the one that was promised") == sheep.download(vendor.url, part, "0" * 64)
    assert list(part.parent.iterdir()) == []


def test_a_clip_said_to_be_too_large_is_not_fetched(vendor, make_sheep, part) -> None:
    """The declared size is looked at before the first byte."""
    vendor.raw(HEAD + b"\r\n", end="hang")
    answer = make_sheep(vendor.url, largest=1000).download(vendor.url + "/c", part)
    assert Broken(f"the clip has {len(FILM)} bytes; OVERCRANK_PROVIDER__LARGEST is 1000") == answer


def test_a_clip_that_grows_too_large_is_stopped(vendor, make_sheep, part) -> None:
    """The running size is looked at where none was declared."""
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    vendor.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk] * 50)
    answer = make_sheep(vendor.url, largest=200_000).download(vendor.url + "/c", part)
    assert (Broken, False) == (type(answer), part.exists())


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content_Encoding": "gzip", "Content_Type": "video/mp4"}, b"\x1f\x8b"),
        ({"Content_Type": "text/html; charset=utf-8"}, b"<html>"),
        ({"Content_Type": "application/json"}, b"{}"),
        ({"Content_Type": "video/mp4"}, b""),
    ],
)
def test_what_is_no_clip_is_broken(vendor, sheep, part, headers, body) -> None:
    """Packed bytes, pages and nothing at all are not clips."""
    vendor.says(200, body, **headers)
    assert Broken is type(sheep.download(vendor.url + "/c", part))


@pytest.mark.parametrize(
    ("status", "expected"),
    [(401, Expired), (403, Expired), (404, Expired), (410, Expired), (429, Unavailable), (500, Unavailable),
     (503, Unavailable), (206, Broken), (204, Broken), (400, Broken), (304, Broken), (416, Broken)],
)  # fmt: skip
def test_a_status_says_what_to_do(vendor, sheep, part, status, expected) -> None:
    """Ask for a fresh address, or come again, or give this one up."""
    vendor.says(status, b"", Retry_After="4")
    answer = sheep.download(vendor.url + "/c?signature=s", part)
    assert expected is type(answer)
    assert "signature" not in answer.message
    if isinstance(answer, Unavailable):
        assert answer.retry_after == 4.0


def test_no_answer_is_unavailable(vendor, sheep, part) -> None:
    """Silence and broken connections before the first byte mean: come again."""
    vendor.raw(end="hang").raw(end="reset")
    answers = [type(sheep.download(vendor.url + "/c", part)) for _ in range(2)]
    assert [Unavailable, Unavailable] == answers


def test_a_clip_that_drips_ends_at_the_deadline(vendor, make_sheep, part) -> None:
    """The whole download has one deadline, and keeps what it got."""
    vendor.raw(HEAD + b'ETag: "v1"\r\n\r\n', *[b"x" * 5000] * 40, pause=0.02)
    answer = make_sheep(vendor.url, fetch_timeout=0.2).download(vendor.url + "/c", part)
    assert (Broken, True) == (type(answer), part.stat().st_size > 0)


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/c.mp4", "http://127.0.0.1:1/c", "ftp://127.0.0.1/c", "file:///etc/passwd", "c.mp4", "", "http://",
        "//cdn.example/c", "http://user@127.0.0.1/c", "http://[::1/c", "http://cdn.example\\@127.0.0.1/",
    ],
)  # fmt: skip
def test_a_clip_is_fetched_only_from_where_it_may_come(vendor, sheep, part, url) -> None:
    """Whatever a vendor's answer says, only its own host and named hosts are asked."""
    answer = sheep.download(url, part)
    assert (Broken, []) == (type(answer), vendor.asked)


def test_a_named_host_may_be_redirected_to(vendor, make_vendor, make_sheep, part) -> None:
    """Redirects are followed by hand, to hosts that are allowed, up to three."""
    other = make_vendor()
    sheep = make_sheep(vendor.url, download_hosts=(f"127.0.0.1:{other.port}",))
    vendor.says(302, b"", Location=other.url + "/1")
    other.says(307, b"", Location="/2").says(200, FILM)
    assert sheep.download(vendor.url + "/c", part) == DONE
    assert [asked.path for asked in other.asked] == ["/1", "/2"]


def test_redirects_come_to_an_end(vendor, sheep, part) -> None:
    """Four redirects are one too many."""
    for _ in range(5):
        vendor.says(302, b"", Location="/again")
    assert Broken is type(sheep.download(vendor.url + "/c", part))
    assert len(vendor.asked) == 4


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/latest/meta-data", "http://[::1]:80/", "file:///x", "", "//["]
)
def test_a_redirect_elsewhere_is_not_followed(vendor, sheep, part, location) -> None:
    """A redirect to a host that is not named goes nowhere."""
    vendor.says(302, b"", Location=location)
    answer = sheep.download(vendor.url + "/c", part)
    assert Broken is type(answer)


def test_a_named_host_must_not_lead_inside(vendor, make_vendor, make_sheep, part) -> None:
    """A host that is allowed by name and has an address of this machine or network is refused."""
    inside = make_vendor()
    sheep = make_sheep(vendor.url, download_hosts=(f"localhost:{inside.port}",))
    vendor.says(302, b"", Location=f"http://localhost:{inside.port}/c")
    answer = sheep.download(vendor.url + "/c", part)
    assert Broken("localhost leads to an address that is not public, and it is not the vendor's own host") == answer
    assert inside.asked == []


def test_a_name_that_changes_its_address_is_caught(vendor, make_vendor, make_sheep, part, monkeypatch) -> None:
    """The connection looks at the address it really got, before it sends anything."""
    inside = make_vendor()
    sheep = make_sheep(vendor.url, download_hosts=(f"cdn.example:{inside.port}",))
    answers = iter(["93.184.216.34", "127.0.0.1"])

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    answer = sheep.download(f"http://cdn.example:{inside.port}/c", part)
    assert Unavailable("cdn.example: the host's address is not a public one") == answer
    assert inside.asked == []


def test_two_workers_do_not_write_one_clip(vendor, sheep, part) -> None:
    """A part that another process writes is left to it."""
    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert Unavailable("another worker is fetching this clip") == sheep.download(vendor.url + "/c", part)


def test_a_disk_that_is_full_is_no_fault_of_the_clip(vendor, sheep, part, monkeypatch) -> None:
    """Where the clip can not be written it is asked for again later."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    vendor.says(200, FILM)
    monkeypatch.setattr(os, "fsync", full)
    answer = sheep.download(vendor.url + "/c", part)
    assert Unavailable(f"the clip can not be written: No space left on device ({part.parent})") == answer


def test_a_link_in_place_of_the_part_is_not_followed(vendor, sheep, part, tmp_path) -> None:
    """Nobody makes us write elsewhere."""
    (tmp_path / "precious").write_text("keep me")
    part.symlink_to(tmp_path / "precious")
    assert Unavailable is type(sheep.download(vendor.url + "/c", part))
    assert (tmp_path / "precious").read_text() == "keep me"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False), ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False), ("::ffff:8.8.8.8", True), ("name", False),
    ],
)  # fmt: skip
def test_addresses_are_told_apart(address, public) -> None:
    """Private, local and wrapped addresses are not public."""
    assert public == is_public(address)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://api.example/c", True), ("http://api.example/c", False), ("https://api.example:8443/c", False),
        ("https://cdn.example/c", True), ("https://CDN.example./c", True), ("https://cdn.example:444/c", False),
        ("https://files.example:444/c", True), ("https://files.example/c", False),
        ("https://a.b.store.example/c", True),
        ("https://store.example/c", False), ("https://evilstore.example/c", False),
        ("https://cdn.example.evil.org/c", False),
        ("https://cdn.example@evil.org/", False), ("https://evil.org/#cdn.example", False),
    ],
)  # fmt: skip
def test_named_hosts_are_matched_exactly(url, fine) -> None:
    """A name allows itself at its port; a name with a dot before it allows what is below it."""
    allowed = Allowed("https://api.example", ["cdn.example", "files.example:444", ".store.example"])
    assert fine == (allowed.trouble(url) is None)


def test_an_origin_is_scheme_host_and_port() -> None:
    """Names are compared in small letters and ports by number."""
    assert Origin("https", "a.example", 443) == Origin.of("https://A.example/x") == Origin.of("https://a.example:443")
