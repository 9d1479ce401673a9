"""No secret stands in what people are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.secrets import without_secrets

TEXTS = (
    ("postgresql://unroll:hunter22@db:5432/x", "postgresql://unroll:***@db:5432/x"),
    ("postgresql+psycopg2://u:p%40ss/w@rd@db/x", "postgresql+psycopg2://u:***@db/x"),
    ("the store 'mysql://u:pw@db/x' is away", "the store 'mysql://u:***@db/x' is away"),
    ("postgresql://u:@db/x", "postgresql://u:***@db/x"),
    ("redis://:pw@db", "redis://:***@db"),
    ("https://ana:pw@mlflow.example.org/api", "https://***@mlflow.example.org/api"),
    ("https://ghp_0123456789@github.com/a/b.git", "https://***@github.com/a/b.git"),
    ("https://sometoken:x-oauth-basic@github.com/a", "https://***@github.com/a"),
    ("ssh://git@github.com/a/b", "ssh://git@github.com/a/b"),
    ("git@github.com:a/b.git", "git@github.com:a/b.git"),
    ("postgresql://u@db/x?sslpassword=pw&x=1", "postgresql://u@db/x?sslpassword=***&x=1"),
    ("host=db password='a b' user=u", "host=db password=*** user=u"),
    ('{"client_secret": "abc", "id": 1}', '{"client_secret": ***, "id": 1}'),
    ("AWS_SECRET_ACCESS_KEY=abc/d+e", "AWS_SECRET_ACCESS_KEY=***"),
    ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer ***"),
    ("found ghp_abcdefghijklmnopqrstuvwxyz01", "found ***"),
)


@pytest.mark.parametrize(("text", "shown"), TEXTS, ids=[text for text, _ in TEXTS])
def test_passwords_and_tokens_are_masked(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown, "masking twice changes nothing"


def test_ordinary_text_stays_as_it_is() -> None:
    for text in (
        "token_accuracy is 0.98; key: hidden_size; a secret: none",
        "http://127.0.0.1:5000/#/experiments?workflowType=machine_learning",
        "sqlite:////tmp/mlruns/mlflow.db",
        "start gradient-decay · bi-LSTM 64 · 8 seeds",
        "write to ana@example.org: it takes 3:20 minutes",
    ):
        assert without_secrets(text) == text


def test_secrets_of_the_environment_are_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text("from-the-file\n")
    monkeypatch.setenv("POSTGRES_PASSWORD_FILE", str(file))
    monkeypatch.setenv("SOME_API_TOKEN", "tok-123456")
    monkeypatch.setenv("cookie_secret", "biscuits")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr/xyz")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://u:s%40crets@db/x")
    text = "from-the-file tok-123456 biscuits wJalr/xyz s%40crets s@crets"
    assert without_secrets(text) == " ".join(["***"] * 6)


def test_short_values_and_other_names_are_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "db")
    monkeypatch.setenv("KEYBOARD", "querty-keys")
    monkeypatch.setenv("OTHER_TOKEN_FILE", "/nowhere/at/all")
    assert without_secrets("the db of querty-keys") == "the db of querty-keys"


def test_masked_json_of_a_message_is_still_json() -> None:
    line = json.dumps({"message": without_secrets('at "postgresql://u:pw@db/x"')})
    assert "pw" not in json.loads(line)["message"]
