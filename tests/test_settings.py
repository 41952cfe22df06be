"""Settings: every name, every refusal, and no secret in any message."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from overcrank.errors import ConfigError
from overcrank.settings import CONFIG, LIVE_URL, PREFIX, SANDBOX_URL, Settings, load, names

Set = Callable[..., Settings]
SECRET = "hs-very-secret-0123456789"


@pytest.fixture
def having(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Set:
    """Loads the settings that an environment of the given names (without the prefix) comes to, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def loaded(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(PREFIX + name, value)
        return load()

    return loaded


def test_without_anything_the_sandbox_is_the_provider(having: Set) -> None:
    """The defaults spend nothing."""
    settings = having()
    assert (SANDBOX_URL, False, "sandbox-key") == (
        settings.provider_url, settings.provider.live, settings.provider_key.get_secret_value()
    )  # fmt: skip
    assert (10, 15, 15) == (settings.limits.rate, settings.limits.burst, settings.limits.concurrency)
    assert (50_000_000, timedelta(hours=1)) == (settings.budget.cap, settings.budget.window)
    assert settings.redis_url == settings.broker == "redis://127.0.0.1:6379/0"
    assert settings.storage_url == (Path.cwd() / "overcrank-data" / "clips").as_uri()


GIVEN = {
    "REDIS_URL": ("redis://r:1/2", lambda s: s.redis_url == "redis://r:1/2"),
    "BROKER_URL": ("redis://b:1/2", lambda s: s.broker == "redis://b:1/2"),
    "NAMESPACE": ("mine", lambda s: s.namespace == "mine"),
    "DATA_DIR": ("/tmp/x", lambda s: s.storage_url == "file:///tmp/x/clips"),
    "PROVIDER__NAME": ("holysheep", lambda s: s.provider.name == "holysheep"),
    "PROVIDER__BASE_URL": ("http://localhost:9/v1/", lambda s: s.provider_url == "http://localhost:9"),
    "PROVIDER__API_KEY": (SECRET, lambda s: s.provider_key.get_secret_value() == SECRET),
    "PROVIDER__REPLAY": ("false", lambda s: s.provider.replay is False),
    "PROVIDER__LOOKUP": ("0", lambda s: s.provider.lookup is False),
    "PROVIDER__POLL_INTERVAL": ("0.5", lambda s: s.provider.poll_interval == timedelta(seconds=0.5)),
    "PROVIDER__READ_TIMEOUT": ("PT30S", lambda s: s.provider.read_timeout == timedelta(seconds=30)),
    "PROVIDER__DOWNLOAD_HOSTS": (
        "a.example, b.example",
        lambda s: s.provider.download_hosts == ("a.example", "b.example"),
    ),
    "LIMITS__RATE": ("2.5", lambda s: s.limits.rate == 2.5),
    "LIMITS__BURST": ("3", lambda s: s.limits.burst == 3),
    "LIMITS__CONCURRENCY": ("0", lambda s: s.limits.concurrency == 0),
    "BUDGET__CAP": ("$3.8925", lambda s: s.budget.cap == 3_892_500),
    "BUDGET__WINDOW": ("60", lambda s: s.budget.window == timedelta(minutes=1)),
    "BUDGET__WARN_AT": ("10, 20", lambda s: s.budget.warn_at == (10, 20)),
    "STORAGE__URL": ("file:///srv/clips", lambda s: s.storage_url == "file:///srv/clips"),
    "PRICES__FILE": ("mine.toml", lambda s: s.prices.file == Path("mine.toml")),
    "RETRY__ATTEMPTS": ("7", lambda s: s.retry.attempts == 7),
    "WORKER__LEASE": ("20", lambda s: s.worker.lease == timedelta(seconds=20)),
    "RETENTION__JOURNAL": ("5000", lambda s: s.retention.journal == 5000),
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_variable_sets_its_field(having: Set, name: str) -> None:
    """The interface that outsiders rely on."""
    value, arrived = GIVEN[name]
    assert arrived(having(**{name: value}))


def test_every_name_there_is_can_be_read(having: Set) -> None:
    """The list of names is complete: each is known, and each that is tested here is in it."""
    assert {PREFIX + name for name in GIVEN} <= set(names())
    assert CONFIG in names()
    assert len(names()) == len(set(names()))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("REDIS_URI", "OVERCRANK_REDIS_URL"),
        ("LIMITS_RATE", "OVERCRANK_LIMITS__RATE"),
        ("PROVIDER__API_KEI", "OVERCRANK_PROVIDER__API_KEY"),
        ("BUDGET", "OVERCRANK_BUDGET__CAP"),
    ],
)
def test_a_misspelt_name_is_an_error_with_the_likely_one(having: Set, wrong: str, right: str) -> None:
    """A budget that is not read is no budget."""
    with pytest.raises(ConfigError, match=f"OVERCRANK_{wrong} is no setting; did you mean {right}"):
        having(**{wrong: SECRET})


def test_a_name_like_no_other_gets_the_whole_list(having: Set) -> None:
    """Nothing is near, so everything is said."""
    with pytest.raises(ConfigError, match="the names are OVERCRANK_CONFIG, OVERCRANK_REDIS_URL"):
        having(**{"Q" * 60: "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIMITS__RATE", "fast"),
        ("LIMITS__RATE", "-1"),
        ("LIMITS__RATE", "nan"),
        ("LIMITS__BURST", "0"),
        ("LIMITS__CONCURRENCY", "-1"),
        ("BUDGET__CAP", "-5"),
        ("BUDGET__CAP", "much"),
        ("BUDGET__CAP", "1e999999"),
        ("BUDGET__WINDOW", "0"),
        ("BUDGET__WINDOW", "1.5"),
        ("BUDGET__WARN_AT", "ten"),
        ("BUDGET__WARN_AT", "[1,"),
        ("PROVIDER__NAME", "sora"),
        ("PROVIDER__LIVE", "maybe"),
        ("PROVIDER__READ_TIMEOUT", "inf"),
        ("PROVIDER__READ_TIMEOUT", "nan"),
        ("PROVIDER__READ_TIMEOUT", "1e300"),
        ("PROVIDER__READ_TIMEOUT", "-1"),
        ("PROVIDER__BASE_URL", "ftp://x"),
        ("PROVIDER__BASE_URL", "http://[::1"),
        ("PROVIDER__BASE_URL", f"http://me:{SECRET}@127.0.0.1"),
        ("NAMESPACE", "a:b"),
        ("REDIS_URL", "http://x"),
        ("REDIS_URL", "redis://["),
        ("REDIS_URL", "redis://127.0.0.1:99999"),
        ("REDIS_URL", "redis://127.0.0.1:port"),
        ("BROKER_URL", "http://x"),
        ("BROKER_URL", "nonsense"),
        ("BROKER_URL", "amqp://guest@127.0.0.1:port"),
        ("BROKER_QUEUES", "mirrored"),
        ("REDIS_URL", f"amqp://:{SECRET}@x"),
        ("STORAGE__URL", "ftp://x"),
        ("RETRY__ATTEMPTS", "0"),
        ("WORKER__PERMIT", "8"),
        ("WORKER__LEASE", "3"),
        ("CONFIG", "/nowhere/overcrank.toml"),
    ],
)
def test_a_wrong_value_names_its_variable(having: Set, name: str, value: str) -> None:
    """And never shows a secret."""
    with pytest.raises(ConfigError, match=PREFIX + name) as caught:
        having(**{name: value})
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_live_needs_a_key(having: Set) -> None:
    """The switch alone spends nothing."""
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__API_KEY"):
        having(PROVIDER__LIVE="true")


@pytest.mark.parametrize("key", ["", "  ", "sandbox-key"])
def test_live_needs_a_key_of_the_vendors(having: Set, key: str) -> None:
    """A key left empty is none, and that of the sandbox is not the vendor's."""
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__API_KEY"):
        having(PROVIDER__LIVE="true", PROVIDER__API_KEY=key)


@pytest.mark.parametrize(
    "url",
    ["amqp://guest@127.0.0.1//", "sentinel://a:26379;sentinel://b:26379", "rediss://:x@h:1/0", "unix:///tmp/r.sock"],
)
def test_a_broker_may_be_any_that_celery_speaks_to(having: Set, url: str) -> None:
    """Redis, its sentinels, or RabbitMQ."""
    assert url == having(BROKER_URL=url).broker


def test_quorum_queues_are_rabbitmqs(having: Set) -> None:
    """Redis has one kind of queue, so whoever asks for another has forgotten the broker."""
    with pytest.raises(ConfigError, match="OVERCRANK_BROKER_URL"):
        having(BROKER_QUEUES="quorum")
    assert "quorum" == having(BROKER_QUEUES="quorum", BROKER_URL="amqp://guest@127.0.0.1//").broker_queues


def test_no_message_is_held_for_longer_than_rabbitmq_allows(having: Set) -> None:
    """It closes the channel of whoever keeps one for half an hour; a Redis leaves that to us."""
    assert 3600 == having(WORKER__HOLD="3600").worker.hold.total_seconds()
    with pytest.raises(ConfigError, match="OVERCRANK_WORKER__HOLD"):
        having(WORKER__HOLD="3600", BROKER_URL="amqp://guest@127.0.0.1//")


def test_live_is_not_the_sandbox(having: Set) -> None:
    """Who turns spending on and leaves the sandbox in place has forgotten something."""
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__NAME"):
        having(PROVIDER__LIVE="true", PROVIDER__API_KEY=SECRET, PROVIDER__NAME="sandbox")


def test_a_blank_key_is_the_sandboxs_own(having: Set) -> None:
    """Without the live switch a variable that is there and empty says nothing."""
    assert "sandbox-key" == having(PROVIDER__API_KEY="").provider_key.get_secret_value()


def test_a_sandbox_in_a_container_is_called_by_its_name(having: Set) -> None:
    """Where the provider is named the sandbox and gets no key but its own, its address may be a container's name."""
    assert (
        "http://sandbox:8787" == having(PROVIDER__NAME="sandbox", PROVIDER__BASE_URL="http://sandbox:8787").provider_url
    )


@pytest.mark.parametrize(
    "given",
    [
        {"PROVIDER__BASE_URL": "http://sandbox:8787"},
        {"PROVIDER__NAME": "sandbox", "PROVIDER__BASE_URL": "http://api.example.com"},
        {"PROVIDER__NAME": "sandbox", "PROVIDER__BASE_URL": "http://sandbox:8787", "PROVIDER__API_KEY": SECRET},
    ],
)
def test_nothing_else_is_taken_for_a_sandbox(having: Set, given: dict[str, str]) -> None:
    """Another dialect, another kind of name, or a key of its own may spend real money."""
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__LIVE=true"):
        having(**given)


def test_live_with_a_key_goes_to_the_vendor(having: Set) -> None:
    """Both together are meant."""
    assert LIVE_URL == having(PROVIDER__LIVE="true", PROVIDER__API_KEY=SECRET).provider_url


@pytest.mark.parametrize("url", [LIVE_URL, "https://example.com", "http://127.0.0.1.example.com", "http://10.0.0.1"])
def test_without_live_only_this_machine_is_called(having: Set, url: str) -> None:
    """Even with a key: somebody else's address may spend real money."""
    with pytest.raises(ConfigError, match="OVERCRANK_PROVIDER__LIVE=true"):
        having(PROVIDER__BASE_URL=url, PROVIDER__API_KEY=SECRET)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1/v1", "http://[::1]:1"])
def test_a_sandbox_on_this_machine_may_be_anywhere(having: Set, url: str) -> None:
    """Loopback by any of its names."""
    assert url.removesuffix("/v1") == having(PROVIDER__BASE_URL=url).provider_url


def test_a_toml_file_sets_what_the_environment_does_not(having: Set, tmp_path: Path) -> None:
    """The environment wins; both win over the defaults."""
    (tmp_path / "overcrank.toml").write_text(
        'namespace = "filed"\n[limits]\nrate = 3\nburst = 4\n[budget]\ncap = 2.5\nwarn_at = [70]\nwindow = 60\n'
    )
    settings = having(LIMITS__RATE="5")
    assert ("filed", 5, 4) == (settings.namespace, settings.limits.rate, settings.limits.burst)
    assert (2_500_000, (70,), timedelta(minutes=1)) == (
        settings.budget.cap, settings.budget.warn_at, settings.budget.window
    )  # fmt: skip


def test_a_named_file_is_read_from_anywhere(having: Set, tmp_path: Path) -> None:
    """By its variable."""
    path = tmp_path / "elsewhere.toml"
    path.write_text('namespace = "named"\n')
    assert "named" == having(CONFIG=str(path)).namespace


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[provider]\nliv = true\n", r"provider\.liv is no setting; did you mean OVERCRANK_PROVIDER__LIVE"),
        ("[limits]\nrate = -1\n", "OVERCRANK_LIMITS__RATE"),
        ("= =", "can not be read"),
    ],
)
def test_a_file_that_is_wrong_is_an_error(having: Set, tmp_path: Path, text: str, said: str) -> None:
    """With the name, and the likely one, as for the environment."""
    (tmp_path / "overcrank.toml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        having()


def test_no_text_of_the_settings_shows_a_secret(having: Set) -> None:
    """Neither the key nor a password in an address, in any form somebody may print."""
    settings = having(
        PROVIDER__API_KEY=SECRET,
        REDIS_URL=f"redis://:{SECRET}@localhost/0",
        BROKER_URL=f"redis://:{SECRET}@localhost/1",
    )
    for text in (repr(settings), str(settings), f"{settings.provider}", repr(settings.provider_key)):
        assert SECRET not in text


def test_settings_do_not_change(having: Set) -> None:
    """What was checked stays as it was checked."""
    from pydantic import ValidationError

    settings = having()
    with pytest.raises(ValidationError):
        settings.namespace = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        settings.limits.rate = 99  # type: ignore[misc]


def test_no_repr_shows_a_secret_and_the_log_knows_them_all() -> None:
    """Passwords of URLs and the address of alarms are as secret as keys."""
    made = Settings(
        redis_url="redis://:redis-word@h/0",
        archive={"url": "postgresql://u:archive-w%40rd@h/db"},
        budget={"alert_url": "https://hooks.example/services/alert-word", "alert_secret": "signing-word"},
    )
    words = (
        "redis-word",
        "archive-w%40rd",
        "archive-w@rd",
        "https://hooks.example/services/alert-word",
        "signing-word",
    )
    assert set(words) <= set(made.secrets)
    assert [] == [word for word in words if word in repr(made)]


@pytest.mark.parametrize("secret", ["whsec_", "whsec_c2hvcnQ=", "x", "fifteen letters"])
def test_a_secret_that_could_be_guessed_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """With an empty or a short key anybody could sign a webhook."""
    monkeypatch.setenv("OVERCRANK_WEBHOOK__SECRET", f"a secret that is long enough,{secret}")
    with pytest.raises(ConfigError, match="could be guessed"):
        load()
