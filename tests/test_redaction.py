"""Credentials are taken out of texts, and nothing else is."""

from __future__ import annotations

import pytest

from columnar_af import redaction
from columnar_af.redaction import redact, redacted

CANARY = "canary-5up3r"


@pytest.mark.parametrize(
    "text",
    [
        f"root://ana:{CANARY}@host.org//store/f.root",
        f"https://{CANARY}@host.org/f.root",
        f"https://host.org/f.root?authz=Bearer%20{CANARY}&x=1",
        f"https://host.org/f.root?x=1&access_token={CANARY}",
        f"https://host.org/f.root?X-Amz-Signature={CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"columnar-af run p f --parameter api_key={CANARY}",
        f"columnar-af run p f --password {CANARY}",
        f"connect(host='h', password='{CANARY}')",
        f'{{"token": "{CANARY}"}}',
        "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.canary-5up3r",
    ],
)
def test_nothing_of_a_credential_is_left(text):
    assert CANARY not in redact(text)
    assert "***" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "root://eospublic.cern.ch//eos/f.root:Events",
        "https://host.org/f.root?x=1&y=2",
        "sum of weights = 3, the token bucket is full",
        "tokens: 3 > 2",
        "/data/secret_project/f.root",
        "email ana@cern.ch, f.root:tree[0:3]",
    ],
)
def test_other_texts_stay_as_they_are(text):
    assert redact(text) == text


def test_what_the_environment_holds_is_found_wherever_it_is(monkeypatch):
    monkeypatch.setenv("BEARER_TOKEN", CANARY)
    monkeypatch.setenv("EXPERIMENT", "someword")
    assert redact(f"failed with {CANARY} in someword") == "failed with *** in someword"


def test_a_change_of_the_environment_is_seen_at_once(monkeypatch):
    monkeypatch.setenv("BEARER_TOKEN", CANARY)
    assert redact(CANARY) == "***"
    monkeypatch.setenv("BEARER_TOKEN", "another-one")
    assert redact(f"{CANARY} another-one") == f"{CANARY} ***"
    monkeypatch.setenv("MY_PASSWORD", CANARY)
    assert redact(f"{CANARY} another-one") == "*** ***"
    monkeypatch.delenv("MY_PASSWORD")
    assert redact(f"{CANARY} another-one") == f"{CANARY} ***"


def test_the_environment_is_gone_through_only_when_it_has_changed(monkeypatch):
    looks = []
    monkeypatch.setattr(redaction, "_secrets_among", lambda variables: looks.append(1) or ())
    monkeypatch.setenv("NEW_VARIABLE", "1")
    for _ in range(3):
        redact("a text")
    assert len(looks) == 1
    redaction._looked_at = (None, ())  # forget what the stub has found


def test_paths_of_credentials_are_no_credentials(monkeypatch):
    monkeypatch.setenv("BEARER_TOKEN_FILE", "/run/user/1/bt")
    assert redact("cannot read /run/user/1/bt") == "cannot read /run/user/1/bt"


def test_plain_values_keep_their_shape():
    value = {"token": CANARY, "words": ["run", "--token", CANARY, "x"], "n": (1, 2.5, None), "entries": 3}
    assert redacted(value) == {
        "token": "***",
        "words": ["run", "--token", "***", "x"],
        "n": (1, 2.5, None),
        "entries": 3,
    }
