"""Settings: each invalid one has a clear message, and no message shows the key."""

import os
from pathlib import Path
from typing import Any

import pytest

from asyncclient import InvalidArgument, PostHogClient
from asyncclient.config import parse_origin

KEY = "phx_0123456789abcdefghijklmnop"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("us", "https://us.posthog.com"),
        (" EU ", "https://eu.posthog.com"),
        ("https://us.posthog.com", "https://us.posthog.com"),
        ("https://US.PostHog.com:443/", "https://us.posthog.com"),
        ("https://posthog.example.com.", "https://posthog.example.com"),
        ("https://posthog.example.com:8443", "https://posthog.example.com:8443"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://127.8.9.1", "http://127.8.9.1"),
        ("http://[::1]:8010/", "http://[::1]:8010"),
        ("https://app.posthog.com", "https://app.posthog.com"),
    ],
)
def test_hosts_become_origins(host: str, origin: str) -> None:
    assert parse_origin(host) == origin


@pytest.mark.parametrize(
    ("host", "sentence"),
    [
        ("", "neither us, eu"),
        (None, "neither us, eu"),
        (5, "neither us, eu"),
        ("usa", "neither us, eu"),
        ("us.posthog.com", r"starts with https://: did you mean us or https://us\.posthog\.com\?$"),
        ("Posthog.Example.com/", r"starts with https://: did you mean https://posthog\.example\.com\?$"),
        ("posthog.example.com/a", "correct POSTHOG_HOST or --host$"),
        ("ftp://us.posthog.com", "neither us, eu"),
        ("https://", "neither us, eu"),
        ("https://exa mple.com", "neither us, eu"),
        ("https://exa\nmple.com", "neither us, eu"),
        ("https://ex\u00e4mple.com", "plain ASCII"),
        ("https://a\\b.com", "neither us, eu"),
        ("https://a%2eb.com", "neither us, eu"),
        ("https://a..b.com", "neither us, eu"),
        ("https://a.com:0", "neither us, eu"),
        ("https://a.com:99999", "not a URL"),
        ("https://a.com:port", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://[fe80::1%25eth0]", "neither us, eu|not a URL"),
        ("https://user@posthog.example.com", "user information"),
        (f"https://user:{KEY}@posthog.example.com", "user information"),
        ("https://@posthog.example.com", "user information"),
        (
            "https://posthog.example.com/api",
            r"more than a scheme, a name and a port: give https://posthog\.example\.com",
        ),
        (f"https://posthog.example.com/?personal_api_key={KEY}", "more than a scheme"),
        ("https://posthog.example.com?", "more than a scheme"),
        ("https://posthog.example.com/#x", "more than a scheme"),
        ("https://us.i.posthog.com", "captured events only: give us"),
        ("https://eu.i.posthog.com.", "captured events only: give eu"),
        ("http://posthog.example.com", "plain http to posthog.example.com"),
        ("http://128.0.0.1", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("http://2130706433", "plain http"),
        (KEY, "looks like a key"),
    ],
)
def test_hosts_that_cannot_be_used_are_refused_with_the_fix(host: Any, sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence) as caught:
        parse_origin(host)
    assert KEY not in str(caught.value)


def test_plain_http_is_accepted_if_allowed() -> None:
    assert parse_origin("http://posthog.internal", allow_http=True) == "http://posthog.internal"


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("", "no personal API key"),
        (None, "no personal API key"),
        (17, "no personal API key"),
        (KEY + "\n", "line break"),
        (" " + KEY, "space"),
        (KEY + "\x00", "other character"),
        (KEY + "\x7f", "other character"),
        (KEY + "\u00fc", "other character"),
        ("phx_" + "a" * 600, "more than any key"),
        ("phc_" + KEY, r"public token \(phc_\): create a personal API key \(phx_\)"),
        ("phs_" + KEY, r"project secret key \(phs_\)"),
    ],
)
def test_invalid_keys_are_refused_and_not_shown(key: Any, sentence: str) -> None:
    with pytest.raises(InvalidArgument, match=sentence) as caught:
        PostHogClient(host="us", project_id=1, personal_api_key=key)
    assert "0123456789" not in str(caught.value)


@pytest.mark.parametrize("project", [0, -1, "0", "x", "1.5", "", None, True, 1.0, "\u0661", 2**63, "9" * 30, KEY])
def test_invalid_project_ids_are_refused(project: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"project ID .*is not a positive number") as caught:
        PostHogClient(host="us", project_id=project, personal_api_key=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "60", True, None])
def test_invalid_timeouts_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="timeout_s"):
        PostHogClient(host="us", project_id=1, personal_api_key=KEY, timeout_s=wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "64", True])
def test_invalid_numbers_of_connections_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match="max_connections"):
        PostHogClient(host="us", project_id=1, personal_api_key=KEY, max_connections=wrong)


def environment(**more: str) -> dict[str, str]:
    return {"POSTHOG_PROJECT_ID": "42", "POSTHOG_PERSONAL_API_KEY": KEY} | more


def test_the_environment_is_read_and_arguments_win() -> None:
    client = PostHogClient.from_env(environment(POSTHOG_HOST="eu"))
    assert (client.origin, client.project_id) == ("https://eu.posthog.com", 42)
    client = PostHogClient.from_env(environment(POSTHOG_HOST="eu"), host="us", project_id=7)
    assert (client.origin, client.project_id) == ("https://us.posthog.com", 7)
    client = PostHogClient.from_env(environment(POSTHOG_HOST=""), host="eu", project_id=None)
    assert (client.origin, client.project_id) == ("https://eu.posthog.com", 42)
    client = PostHogClient.from_env(environment(), host=None)
    assert client.origin == "https://us.posthog.com"


@pytest.mark.parametrize("host", ["", " ", "\t"])
def test_a_host_that_is_set_and_empty_is_refused(host: str) -> None:
    with pytest.raises(InvalidArgument, match="POSTHOG_HOST is set but empty"):
        PostHogClient.from_env(environment(POSTHOG_HOST=host))


def test_the_processes_own_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment(POSTHOG_HOST="eu").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("POSTHOG_PERSONAL_API_KEY_FILE", raising=False)
    assert PostHogClient.from_env().project_id == 42


def test_a_missing_setting_of_the_environment_is_named() -> None:
    with pytest.raises(InvalidArgument, match="POSTHOG_PROJECT_ID"):
        PostHogClient.from_env({"POSTHOG_PERSONAL_API_KEY": KEY})
    with pytest.raises(InvalidArgument, match="POSTHOG_PERSONAL_API_KEY or POSTHOG_PERSONAL_API_KEY_FILE"):
        PostHogClient.from_env({"POSTHOG_PROJECT_ID": "1"})


def key_file(path: Path, content: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_private_file_holds_the_key(tmp_path: Path, end: bytes) -> None:
    file = key_file(tmp_path / "key", KEY.encode() + end)
    client = PostHogClient.from_env({"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY_FILE": str(file)})
    assert client._core.shared.key.reveal() == KEY


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (KEY.encode(), 0o640, "can be read by others: run chmod 600"),
        (KEY.encode(), 0o604, "can be read by others"),
        (KEY.encode(), 0o601, "can be read by others"),
        (b"", 0o600, "no personal API key"),
        (KEY.encode() + b"\n\n", 0o600, "line break"),
        (KEY.encode() + b"\nmore", 0o600, "line break"),
        (b"\xff\xfe" + KEY.encode("utf-16-le"), 0o600, "other character"),
        (b"phx_" + b"a" * 2000, 0o600, "more than any key"),
    ],
)
def test_key_files_that_cannot_be_used_are_refused_unseen(
    tmp_path: Path, content: bytes, mode: int, sentence: str
) -> None:
    file = key_file(tmp_path / "key", content, mode)
    with pytest.raises(InvalidArgument, match=sentence) as caught:
        PostHogClient.from_env({"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY_FILE": str(file)})
    assert KEY not in str(caught.value)


def test_a_path_that_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    for path, sentence in (
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "is not a regular file"),
        (tmp_path / "fifo", "is not a regular file"),
        ("a\0b", "cannot be read"),
        (KEY, "looks like a key"),
    ):
        with pytest.raises(InvalidArgument, match=sentence) as caught:
            PostHogClient.from_env({"POSTHOG_PROJECT_ID": "1", "POSTHOG_PERSONAL_API_KEY_FILE": str(path)})
        assert KEY not in str(caught.value)


def test_two_keys_are_ambiguous_unless_an_argument_decides(tmp_path: Path) -> None:
    both = environment(POSTHOG_PERSONAL_API_KEY_FILE=str(tmp_path / "none"))
    with pytest.raises(InvalidArgument, match="both set: unset one"):
        PostHogClient.from_env(both)
    assert PostHogClient.from_env(both, personal_api_key=KEY).project_id == 42
