"""The configuration and how it answers what is wrong."""

import json

import pytest

from overcrank.sandbox import FaultPlan, SandboxConfig


def test_defaults_are_a_vendor_without_limits_or_faults() -> None:
    """A sandbox that is told nothing refuses nothing."""
    config = SandboxConfig()
    assert (0.0, 0, None, FaultPlan()) == (config.rate, config.concurrency, config.balance_usd, config.plan)


def test_json_and_back() -> None:
    """A configuration written as JSON reads back as the same one."""
    config = SandboxConfig.from_json(
        '{"rate": 10, "burst": 15, "clip_size": [320, 180], "faults": {"status": {"drop": 0.1}}}'
    )
    assert config.as_mapping() == SandboxConfig.from_json(json.dumps(config.as_mapping())).as_mapping()
    assert config.clip_size == (320, 180)
    assert config.plan.stages == {"status": {"drop": 0.1}}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"bursts": 3}, ["bursts", "did you mean 'burst'"]),
        ({"rate": -1}, ["rate", "-1", "at least 0"]),
        ({"rate": True}, ["rate", "True"]),
        ({"rate": float("nan")}, ["rate", "nan"]),
        ({"burst": 1.5}, ["burst", "1.5", "whole number"]),
        ({"port": 70000}, ["port", "0..65535"]),
        ({"price": "list"}, ["price", "'formula' or 'table'"]),
        ({"clip_size": [161, 90]}, ["clip_size", "even"]),
        ({"clip_size": 160}, ["clip_size", "even"]),
        ({"url_ttl": 0}, ["url_ttl", "above 0"]),
        ({"replay": 1}, ["replay", "true or false"]),
        ({"api_key": ""}, ["api_key"]),
        ({"encoder": "x264"}, ["encoder", "'auto'"]),
        ({"webhook_secret": "whsec_#"}, ["webhook_secret", "base64"]),
        ({"retry_after_form": "date"}, ["retry_after_form", "'http-date'"]),
        ({"faults": {"submits": {}}}, ["submits", "did you mean 'submit'"]),
        ({"faults": {"submit": {"drop_afer": 0.1}}}, ["drop_afer", "did you mean 'drop_after'"]),
        ({"faults": {"submit": {"slow": 0.6, "hang": 0.6}}}, ["faults.submit", "1.2"]),
        ({"faults": {"submit": {"slow": 2}}}, ["faults.submit.slow", "0..1"]),
        ({"faults": {"submit": 0.5}}, ["faults.submit", "mapping"]),
        ({"faults": {"max_per_key": -1}}, ["faults.max_per_key", "-1"]),
        ({"faults": {"only_first": 1}}, ["faults.only_first", "true or false"]),
        ({"faults": []}, ["faults", "mapping"]),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(values: dict[str, object], words: list[str]) -> None:
    """Every wrong name or value is a ValueError that says which one and what would be right."""
    with pytest.raises(ValueError, match=r"(?i)allowed|not a|add up") as caught:
        SandboxConfig.read(values)
    assert [word for word in words if word not in str(caught.value)] == []


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_what_is_no_json_object_is_refused(text: str) -> None:
    """Only a JSON object is a configuration."""
    with pytest.raises(ValueError, match="JSON"):
        SandboxConfig.from_json(text)


def test_a_port_cannot_be_changed_later() -> None:
    """What a running server cannot change is refused by name."""
    with pytest.raises(ValueError, match="port: cannot be changed"):
        SandboxConfig().changed({"port": 1})
