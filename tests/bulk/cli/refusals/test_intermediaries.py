"""Something in front of PostHog responds: each command says so, and neither blames the key nor shows an exception."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import asyncclient
from asyncclient.testing import Fault
from asyncclient.testing.faults import Sender
from bulk.cli.exit_codes import describe_error
from bulk.posthog.attempt_result import to_not_finished

Run = Callable[..., Any]

IN_FRONT = r"a proxy, firewall or login page in front of PostHog"
BALANCER = r"a proxy or load balancer in front of PostHog"
MESSAGES: dict[Sender, str] = {
    "nginx_502": rf"502 from {BALANCER} \(Server: nginx/1\.24\.0 \(Ubuntu\)\)",
    "nginx_504": rf"504 from {BALANCER} \(Server: nginx\)",
    "aws_alb_503": rf"503 from {BALANCER} \(Server: awselb/2\.0\)",
    "cloudflare_403": rf"403 from {IN_FRONT} \(Server: cloudflare\)",
    "cloudflare_520": rf"520 from {BALANCER} \(Server: cloudflare\)",
    "cloudflare_1020": rf"403 from {IN_FRONT} \(Server: cloudflare\)",
    "squid_403": rf"403 from {IN_FRONT} \(Server: squid/5\.7\)",
    "squid_407": r"407 from the proxy \(Server: squid/5\.7\); the proxy asks for a user name and password",
    "envoy_404": rf"404 from {IN_FRONT} \(Server: envoy\)",
    "kong_404": rf"404 \(no Route matched with those values\) from {IN_FRONT} \(Server: kong/3\.4\.2\)",
    "iis_401": rf"401 from {IN_FRONT} \(Server: Microsoft-IIS/10\.0\)",
    "empty_403": rf"403 from {IN_FRONT} \(Server: BigIP\)",
    "sso_302": rf"302 redirect to https://acme\.okta\.com from {IN_FRONT} \(Server: openresty\)",
    "captive_portal_302": rf"302 redirect to http://192\.168\.1\.1:8880 from {IN_FRONT} \(Server: lighttpd\)",
    "login_page_200": rf"200 \(the response is an HTML page.*\) from {IN_FRONT} \(Server: Apache/2\.4\.57 \(Debian\)\)",
}
WRONG_ADVICE = re.compile(r"scope|region|\(us or eu\)|project ID|personal API key|the key", re.IGNORECASE)
EXCEPTIONS = re.compile(
    r"\b("
    + "|".join(
        name
        for name in asyncclient.__all__
        if isinstance(getattr(asyncclient, name), type) and issubclass(getattr(asyncclient, name), Exception)
    )
    + r"|\w+Error|Traceback)\b"
)
AT_ONCE = ("--retry-for", "0")
"""Do not wait out an outage, which a 5xx can be part of."""
REFUSALS = [sender for sender in MESSAGES if not sender.endswith(("502", "503", "504", "520", "200"))]


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry at once: the tests check what a command says in the end."""
    monkeypatch.setattr("asyncclient.retry._backoff", lambda *_: 0.0)
    monkeypatch.setattr("bulk.execution.batch_policy.BACKOFF_BASE_S", 0.0)


def check(result: Any, message: str) -> None:
    """Check what a command says about a response that is not PostHog's, and its exit code."""
    assert re.search(message, result.sentence), result.err
    assert not WRONG_ADVICE.search(result.sentence), result.sentence
    assert not EXCEPTIONS.search(result.out + result.err), result.out + result.err
    assert result.code == 75, result.err


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize("sender", MESSAGES)
def test_every_command_names_the_sender_and_works_once_it_lets_requests_pass(
    run: Run, posthog: Any, sender: Sender
) -> None:
    message = MESSAGES[sender]
    faults = posthog.server.faults
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    planned = run("plan", "delete", "--distinct-ids", "ids", "-o", "x.plan.jsonl")
    digest = re.search(r"--approve (\w+)", planned.out)
    assert digest is not None

    faults.add(Fault("intermediary", sender=sender))
    check(run("plan", "delete", "--distinct-ids", "ids", "-o", "y.plan.jsonl", *AT_ONCE), message)
    check(run("persons", "--where", "plan exact free", *AT_ONCE), message)
    check(run("delete", "--distinct-ids", "ids", "--yes", "--expect-count", 3, *AT_ONCE), message)
    check(run("run", "x.plan.jsonl", "--approve", digest[1], *AT_ONCE), message)
    assert not posthog.mutations
    assert not Path("y.plan.jsonl").exists()

    faults.clear()
    assert run("run", "x.plan.jsonl", "--approve", digest[1]).code == 0
    faults.add(Fault("intermediary", sender=sender))
    check(run("verify", "x.journal.jsonl", *AT_ONCE), message)
    faults.clear()
    assert run("verify", "x.journal.jsonl").code == 0


@pytest.mark.quick_cases(3)
@pytest.mark.parametrize("sender", REFUSALS)
def test_a_change_that_is_refused_on_the_way_interrupts_the_run_and_is_read_back_by_the_next(
    run: Run, posthog: Any, sender: Sender
) -> None:
    Path("ids").write_text("user-1\nuser-2\nuser-3\n")
    command = ("delete", "--distinct-ids", "ids", "--plan", "x.plan.jsonl", "--yes", "--expect-count", 3)
    posthog.server.faults.add(Fault("intermediary", sender=sender, action="bulk_delete", when="after"))
    refused = run(*command)
    check(refused, MESSAGES[sender])
    assert "run the same command again to resume" in refused.sentence
    sent = len(posthog.mutations)
    posthog.server.faults.clear()
    assert run(*command).code == 0
    assert len(posthog.mutations) == sent, "the persons are gone already: nothing is sent again"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda url: url.replace("http:", "https:") + "/api/environments/1/persons/",
            (
                r"307 redirect to the same address with https instead of http; "
                r"set the host \(POSTHOG_HOST\) to https://127\.0\.0\.1:\d+$"
            ),
        ),
        (
            lambda url: url + "/api/environments/1/persons",
            (
                r"307 redirect to the same address without the slash at its end; "
                r"the proxy in front of PostHog has to keep the slash$"
            ),
        ),
    ],
)
def test_a_redirect_that_differs_in_scheme_or_slash_says_only_that(
    run: Run, posthog: Any, change: Callable[[str], str], message: str
) -> None:
    posthog.server.faults.add(Fault("redirect", action="list", to=change(posthog.server.url)))
    for command in (("persons",), ("plan", "delete", "--where", "plan exact free", "-o", "x.plan.jsonl")):
        result = run(*command)
        assert re.search(message, result.sentence), result.err
        assert result.code == 2, "only another setting helps"


@pytest.mark.parametrize(
    ("status", "advice", "code"),
    [(401, "(us or eu)", 77), (403, "scopes", 77), (500, "run the same command", 75)],
)
def test_an_error_of_posthog_itself_keeps_its_advice(
    run: Run, posthog: Any, status: int, advice: str, code: int
) -> None:
    posthog.server.faults.add(Fault("status", status=status))
    result = run("persons", *AT_ONCE)
    assert advice in result.sentence
    assert "in front of" not in result.sentence
    assert result.code == code


@pytest.mark.parametrize(
    ("host", "message", "code"),
    [
        ("https://posthog.invalid", r"no address is known for the host 'posthog\.invalid'\); check the host", 75),
        ("http://posthog.invalid", r"plain http to posthog\.invalid .* allow it with --allow-http", 2),
    ],
)
def test_an_unknown_host_is_named_and_plain_http_names_its_option(
    run: Run, posthog: Any, monkeypatch: pytest.MonkeyPatch, host: str, message: str, code: int
) -> None:
    monkeypatch.setenv("POSTHOG_HOST", host)
    result = run("persons", *AT_ONCE)
    assert re.search(message, result.sentence), result.err
    assert not EXCEPTIONS.search(result.err)
    assert result.code == code


@pytest.mark.parametrize(
    ("is_unknown_authority", "advice"),
    [(True, "name it with --ca-file FILE"), (False, "have the certificate replaced")],
)
def test_a_certificate_error_names_the_option_where_it_helps(is_unknown_authority: bool, advice: str) -> None:
    error = asyncclient.UntrustedCertificate(
        "the certificate of 'x' is not trusted: it has expired",
        method="GET",
        path="p",
        route="GET p",
        is_unknown_authority=is_unknown_authority,
    )
    for told in (describe_error(error), describe_error(to_not_finished(error))):
        assert advice in told
        assert ("--ca-file" in told) is is_unknown_authority
        assert "then run the same command again" in told


def test_a_query_that_a_firewall_refuses_does_not_blame_the_key(run: Run, posthog: Any) -> None:
    posthog.server.faults.add(Fault("intermediary", sender="cloudflare_403", action="query"))
    result = run("plan", "unset", "email", "--everyone", "-o", "x.plan.jsonl")
    assert result.code == 0
    assert "(a proxy or firewall in front of PostHog refuses the query)" in result.out
    assert "scope" not in result.out


@pytest.mark.parametrize("sender", ["nginx_502", "cloudflare_520"])
def test_an_outage_behind_a_load_balancer_names_the_load_balancer(run: Run, posthog: Any, sender: Sender) -> None:
    posthog.server.faults.add(Fault("intermediary", sender=sender))
    result = run("persons", "--retry-for", "1s")
    assert re.search(rf"the server did not respond for 1 s \({MESSAGES[sender]}\)", result.sentence), result.err
    assert not WRONG_ADVICE.search(result.sentence)
    assert result.code == 75
