"""Reports of relays: which addresses are dead, in the words of Postmark and of Amazon SES."""

from __future__ import annotations

import json
from typing import Any

import pytest

from emails.reports import Bounced, NotAReport, OfNoConcern, ToConfirm, read

POSTMARK = {  # as in Postmark's documentation, "Bounce webhook"
    "RecordType": "Bounce",
    "MessageStream": "outbound",
    "ID": 4323372036854775807,
    "Type": "HardBounce",
    "TypeCode": 1,
    "Name": "Hard bounce",
    "MessageID": "883953f4-6105-42a2-a16a-77a8eac79483",
    "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
    "Details": "smtp;550 5.1.1 <marie@test1234.example>: no such user",
    "Email": "Marie@test1234.example",
    "From": "facturation@boreal.example",
    "BouncedAt": "2021-01-11T15:00:00Z",
    "Inactive": False,
    "CanActivate": True,
}
SES = {  # as in Amazon's documentation, "Amazon SNS notification examples for Amazon SES"
    "notificationType": "Bounce",
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": "marie@test1234.example",
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 <marie@test1234.example>... User unknown",
            }
        ],
        "timestamp": "2021-01-11T15:00:00.000Z",
        "feedbackId": "00000138111222aa",
    },
    "mail": {"messageId": "0000", "source": "facturation@boreal.example", "destination": ["marie@test1234.example"]},
}
CONFIRM = {
    "Type": "SubscriptionConfirmation",
    "TopicArn": "arn:aws:sns:ca-central-1:123456789012:bounces",
    "SubscribeURL": "https://sns.ca-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:aws:sns&Token=2336",
}


def raw(body: Any) -> bytes:
    return json.dumps(body).encode()


def through_sns(body: Any) -> dict[str, Any]:
    return {"Type": "Notification", "MessageId": "22b8", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(body)}


def with_bounce(**changes: Any) -> dict[str, Any]:
    return SES | {"bounce": SES["bounce"] | changes}  # type: ignore[operator]


def test_postmark_tells_of_a_hard_bounce() -> None:
    assert read(raw(POSTMARK)) == Bounced(
        "postmark", ("Marie@test1234.example",), "smtp;550 5.1.1 <(address)>: no such user"
    )


@pytest.mark.parametrize("body", [SES, through_sns(SES), through_sns({**SES, "eventType": "Bounce"})])
def test_amazon_tells_of_one_bare_or_wrapped(body: Any) -> None:
    assert read(raw(body)) == Bounced("ses", ("marie@test1234.example",), "smtp; 550 5.1.1 <(address)>... User unknown")


def test_an_address_that_postmark_writes_to_no_more_is_dead_whatever_the_type() -> None:
    assert isinstance(read(raw(POSTMARK | {"Type": "SoftBounce", "Inactive": True})), Bounced)


@pytest.mark.parametrize(
    "body",
    [
        POSTMARK | {"Type": "SoftBounce"},
        POSTMARK | {"Type": "Transient"},
        POSTMARK | {"RecordType": "Delivery"},
        with_bounce(bounceType="Transient"),
        with_bounce(bounceType="Undetermined"),
        SES | {"notificationType": "Complaint"},
    ],
)
def test_what_may_pass_changes_nothing(body: Any) -> None:
    assert isinstance(read(raw(body)), OfNoConcern)


def test_a_subscription_is_a_persons_to_confirm() -> None:
    assert read(raw(CONFIRM)) == ToConfirm(CONFIRM["TopicArn"], CONFIRM["SubscribeURL"])


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.ca-central-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.ca-central-1.amazonaws.com.evil.example/?x",
        "https://evil.example/?https://sns.ca-central-1.amazonaws.com/?x",
        "https://sns.ca-central-1.amazonaws.com@evil.example/?x",
        "https://s3.ca-central-1.amazonaws.com/?x",
        "https://sns.ca-central-1.amazonaws.com:8443/?x",
        "https://sns.ca-central-1.amazonaws.com/?x\n",
        "https://sns.ca-central-1.amazonaws.com/evil/?x",
        "https://127.0.0.1/?x",
        None,
        7,
    ],
)
def test_no_other_address_is_handed_to_a_person(url: Any) -> None:
    with pytest.raises(NotAReport):
        read(raw(CONFIRM | {"SubscribeURL": url}))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[1]",
        b"\xff\xfe",
        b"{}",
        b"[" * 100_000,
        raw(POSTMARK | {"Email": None}),
        raw(POSTMARK | {"Email": "two@x.example, three@x.example"}),
        raw(POSTMARK | {"Email": "a\x00@x.example"}),
        raw(through_sns(7)),
        raw({"Type": "Notification", "Message": "[" * 100_000}),
        raw({"Type": "Notification", "Message": 7}),
        raw(SES | {"bounce": []}),
        raw(with_bounce(bouncedRecipients=[])),
        raw(with_bounce(bouncedRecipients=["marie@test1234.example"])),
        raw(with_bounce(bouncedRecipients=[{"emailAddress": ["x"]}])),
    ],
)
def test_anything_else_is_no_report_and_says_so_without_repeating_it(body: bytes) -> None:
    with pytest.raises(NotAReport) as told:
        read(body)
    assert "example" not in str(told.value)
