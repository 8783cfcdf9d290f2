"""Profiles: which settings win, where the key comes from, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

import bulk
from bulk.cli.options.key_command import KeyCommand
from bulk.cli.options.profiles import Profile, load_profile, profile_names, profiles_file
from bulk.cli.options.settings import HOST, KEY, KEY_FILE, PROJECT_ID, build_settings

Run = Callable[..., Any]
Write = Callable[[str], Path]

CERTIFICATE = (Path(__file__).parents[3] / "certificate.pem").read_text()
ENVIRONMENT = {HOST: "us", PROJECT_ID: "1", KEY: "phx_environment"}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write the file of profiles into a configuration folder of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(text: str) -> Path:
        path = profiles_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        return path

    return call


def key_file(path: Path, key: str) -> Path:
    path.write_text(key + "\n")
    path.chmod(0o600)
    return path


def sent_key(client: Any) -> str:
    return str(client._core.shared.key.reveal())


def test_a_profile_overrides_the_environment_and_an_option_overrides_both(write: Write, tmp_path: Path) -> None:
    key_file(tmp_path / ".posthog-key", "phx_profile")
    key_file(tmp_path / "option-key", "phx_option")
    write('[eu]\nhost = "eu"\nproject_id = 42\nkey_file = "~/.posthog-key"\nrate_limits = "user"\n')
    client = build_settings(profile="eu").client(ENVIRONMENT)
    assert (client.origin, client.project_id, sent_key(client)) == ("https://eu.posthog.com", 42, "phx_profile")
    assert client.limits.rates.per_user
    options = {"host": "us", "project_id": "7", "key_file": tmp_path / "option-key", "rate_limits": "off"}
    client = build_settings(profile="eu", **options).client(ENVIRONMENT)
    assert (client.origin, client.project_id, sent_key(client)) == ("https://us.posthog.com", 7, "phx_option")
    assert not client.limits.rates.per_user
    client = build_settings(profile=None).client(ENVIRONMENT)
    assert (client.origin, client.project_id, sent_key(client)) == ("https://us.posthog.com", 1, "phx_environment")


def test_the_time_for_outages_of_an_option_overrides_that_of_a_profile(write: Write) -> None:
    write('[eu]\nretry_for = "1h30min"\n')
    assert build_settings(profile=None).retry_for_s == 900.0
    assert build_settings(profile="eu").retry_for_s == 5400.0
    assert build_settings(profile="eu", retry_for_s=0.0).retry_for_s == 0.0


def test_settings_that_a_profile_does_not_have_come_from_the_environment(write: Write) -> None:
    write('[eu]\nhost = "eu"\n')
    client = build_settings(profile="eu").client(ENVIRONMENT)
    assert (client.origin, client.project_id, sent_key(client)) == ("https://eu.posthog.com", 1, "phx_environment")


def test_a_key_command_is_run_once_and_its_first_line_is_the_key(write: Write, tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"echo run >> {count}; echo phx_command; echo user: jane"
    write(f'[eu]\nhost = "eu"\nkey_command = ["sh", "-c", "{script}"]\n')
    settings = build_settings(profile="eu")
    assert not count.exists()
    for _ in range(2):
        assert sent_key(settings.client({**ENVIRONMENT, KEY_FILE: "/none"})) == "phx_command"
    assert count.read_text() == "run\n"
    assert "phx_command" not in repr(settings)


def test_a_key_file_of_an_option_overrides_the_key_command_of_a_profile(write: Write, tmp_path: Path) -> None:
    write('[eu]\nkey_command = "false"\n')
    settings = build_settings(profile="eu", key_file=key_file(tmp_path / "k", "phx_option"))
    assert sent_key(settings.client({PROJECT_ID: "1"})) == "phx_option"


@pytest.mark.parametrize("printed", ["phx_se cret", r"phx_s\303\251cret", r"phx_secret\001", r"\377\376"])
def test_a_first_line_that_cannot_be_a_key_is_refused_and_not_shown(
    run: Run, write: Write, posthog: Any, monkeypatch: pytest.MonkeyPatch, printed: str
) -> None:
    monkeypatch.delenv(KEY)
    write(f"[local]\nkey_command = ['printf', '{printed}']\n")
    result = run("persons", "--profile", "local")
    assert result.code == 2
    assert result.err == (
        "posthog-bulk: the personal API key contains a line break, a space or another character that no key has: "
        "give the key alone\n"
    )
    assert len(posthog.server.requests) == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("no-such-program",), "no-such-program cannot be started: No such file or directory; correct key_command"),
        (("false",), "false failed with exit code 1: run it by hand to see why"),
        (("true",), "true printed nothing: it has to print the key as its first line"),
        (("sleep", "30"), "sleep did not end within 0 s: run it by hand"),
    ],
)
def test_a_key_command_that_gives_no_key_is_refused(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(click.UsageError) as raised:
        KeyCommand(words, timeout_s=0.2 if words[0] == "sleep" else 30.0).read()
    assert raised.value.message == f"the key command {problem}"


def test_relative_paths_start_at_the_folder_of_the_file(write: Write) -> None:
    path = write('[a]\nkey_file = "k"\nca_file = "/etc/ca.pem"\n')
    assert load_profile("a", path) == Profile(key_file=path.parent / "k", ca_file=Path("/etc/ca.pem"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[eu1]\n[us]\n", "there is no profile 'eu'; it has eu1, us; did you mean 'eu1'?"),
        ("", "there is no profile 'eu'; add a table [eu] to it"),
        ('eu = "x"\n', "there is no profile 'eu'; add a table [eu] to it"),
        ("[eu\n", "is not valid TOML: "),
        ("[eu]\nhots = 1\n", "profile eu has an unknown setting 'hots'; the settings are host, project_id, key_file, "),
        ('[eu]\npersonal_api_key = "x"\n', "profile eu has 'personal_api_key', but a profile holds no key: "),
        ('[eu]\nhost = "eu"\n# phx_0123456789abc\n', "line 3 has what looks like a key, but a profile holds no key: "),
        ('[eu]\nkey_file = "a"\nkey_command = "b"\n', "profile eu has key_file and key_command: keep one of them"),
        ("[eu]\nhost = 1\n", "profile eu: host is 1, but it has to be a text that is not empty"),
        ('[eu]\nhost = ""\n', "profile eu: host is '', but it has to be a text that is not empty"),
        ("[eu]\nproject_id = true\n", "profile eu: project_id is True, but it has to be the number of the project"),
        ('[eu]\nallow_http = "no"\n', "profile eu: allow_http is 'no', but it has to be true or false"),
        (
            '[eu]\nretry_for = "soon"\n',
            "profile eu: retry_for is 'soon', but it has to be a duration of at most 365d",
        ),
        ("[eu]\nhost = " + "[" * 5000 + "]" * 5000 + "\n", "is nested too deeply"),
        ("[eu]\nkey_command = []\n", "profile eu: key_command is [], but it has to be a command"),
        ('[eu]\nproxy = "http://me:pw@p:1"\n', "profile eu has a proxy with a password, and others can read the file"),
    ],
)
def test_a_profile_that_cannot_be_used_is_refused_with_a_fix(run: Run, write: Write, text: str, problem: str) -> None:
    path = write(text)
    result = run("persons", "--profile", "eu")
    assert (result.code, len(result.err.splitlines())) == (2, 1)
    assert f"{path}: {problem}" in result.sentence
    assert "phx_0123456789abc" not in result.err
    assert "me:pw" not in result.err


def test_a_missing_file_of_profiles_is_named(run: Run, write: Write) -> None:
    result = run("persons", "--profile", "eu")
    assert result.code == 2
    assert f"no such file: {profiles_file()}, which holds the profiles; create it" in result.sentence
    profiles_file().mkdir(parents=True)
    assert "is not a regular file" in run("persons", "--profile", "eu").sentence


def test_a_proxy_with_a_password_is_taken_from_a_private_file(write: Write) -> None:
    path = write('[eu]\nproxy = "http://me:pw@proxy.example.com:3128"\n')
    path.chmod(0o600)
    settings = build_settings(profile="eu")
    client = settings.client(ENVIRONMENT)
    assert "pw" not in repr(client)


def test_names_of_profiles_are_completed(write: Write) -> None:
    assert profile_names(profiles_file()) == []
    assert profile_names(write("top = 1\n[eu]\n[us]\n")) == ["eu", "us"]


def test_a_command_uses_its_profile(run: Run, write: Write, posthog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    host = os.environ["POSTHOG_HOST"]
    monkeypatch.delenv("POSTHOG_HOST")
    monkeypatch.delenv("POSTHOG_PROJECT_ID")
    write(f'[here]\nhost = "{host}"\nproject_id = {posthog.server.project_id}\n')
    result = run("persons", "--profile", "here")
    assert result.code == 0
    assert len(result.out.splitlines()) == 60


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://me:pw@proxy:3128", "--proxy has a user or password, and other users can read command lines"),
        ("proxy:3128", "--proxy proxy:3128 is not a URL: give one such as http://proxy.example.com:3128"),
        ("socks5://proxy:1", "--proxy socks5://proxy:1 is not a URL"),
        (
            "http://proxy:3128/path",
            "--proxy http://proxy:3128/path is not a URL: give one such as http://proxy.example",
        ),
        ("http://proxy:3128?a=1", "--proxy http://proxy:3128?a=1 is not a URL"),
        ("", "--proxy is empty"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_refused(run: Run, posthog: Any, url: str, problem: str) -> None:
    result = run("persons", "--proxy", url)
    assert result.code == 2
    assert problem in result.sentence
    assert "pw" not in result.err
    assert not posthog.server.requests


def test_proxy_ingestion_host_and_certificates_reach_the_client(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(CERTIFICATE)
    settings = build_settings(
        profile=None, proxy="http://proxy:3128", ingest_host="https://in.example.com", ca_file=tmp_path / "ca.pem"
    )
    shared = settings.client(ENVIRONMENT)._core.shared
    assert shared.options.proxy is not None
    assert shared.options.proxy.reveal() == "http://proxy:3128"
    assert shared.ingest_origin == "https://in.example.com"
    assert shared.options.ssl_context is not None
    subjects = [certificate["subject"] for certificate in shared.options.ssl_context.get_ca_certs()]
    assert ((("commonName", "posthog-bulk test"),),) in subjects


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read: No such file or directory; check the name"), ("", "holds no certificate in PEM form")],
)
def test_a_ca_file_that_cannot_be_used_is_refused(
    run: Run, posthog: Any, tmp_path: Path, content: str | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    result = run("persons", "--ca-file", "ca.pem")
    assert result.code == 2
    assert f"the CA file ca.pem {problem}" in result.sentence
    assert not posthog.server.requests


@pytest.mark.parametrize(("option", "code"), [("--ca-file", 2), ("--key-file", 2), ("--hogql", 74), ("--protect", 74)])
@pytest.mark.parametrize("name", ["fifo", "/dev/zero"])
def test_a_file_that_is_no_list_of_ids_is_not_read_from_a_pipe_or_a_device(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch, option: str, code: int, name: str
) -> None:
    os.mkfifo("fifo", 0o600)
    monkeypatch.delenv(KEY)
    everyone = () if option == "--hogql" else ("--everyone",)
    result = run("plan", "delete", *everyone, option, name, "-o", "x.plan.jsonl")
    assert result.code == code
    assert " is not a regular file" in result.sentence
    assert not posthog.server.requests
    assert not Path("x.plan.jsonl").exists()


def test_a_command_without_a_host_says_once_which_one_it_uses(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "POSTHOG_HOST is not set: using us, which is https://us.posthog.com\n"
    assert said not in run("persons").err
    host = os.environ["POSTHOG_HOST"]
    monkeypatch.delenv("POSTHOG_HOST")
    monkeypatch.setattr("asyncclient.config.REGIONS", {"us": host})
    everyone = ("delete", "--everyone", "--yes", "--expect-count", "60", "-q")
    result = run(*everyone)
    assert (result.code, result.err) == (0, said)
    assert said not in run("persons", "--host", host).err


def test_the_profiles_in_the_readme_can_be_used(write: Write) -> None:
    readme = (Path(bulk.__file__ or "").parents[1] / "README.md").read_text()
    path = write(readme.split("```toml\n")[1].split("```")[0])
    assert profile_names(path) == ["eu", "intranet"]
    assert load_profile("eu", path).project_id == "42"
    assert load_profile("intranet", path).key_command == ("pass", "show", "posthog")
