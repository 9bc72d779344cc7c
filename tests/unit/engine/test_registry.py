"""Finding functions: by reference, by event, by likeness."""

from __future__ import annotations

from dataclasses import replace

import pytest
from engine_tables import a_function, an_app

from durable_engine import App, Function, Trigger
from durable_engine.errors import AppNotFoundError, FunctionNotFoundError
from durable_engine.ids import uuid_for
from durable_engine.registry import Registry, closest, same_endpoint


def _function(slug: str, app: str = "shop", name: str | None = None, *events: str) -> Function:
    return Function(
        id=uuid_for("function", slug),
        slug=slug,
        name=name or slug,
        app_name=app,
        url="http://a/api",
        triggers=tuple(Trigger(event=event) for event in events),
    )


def _app(name: str, url: str) -> App:
    return replace(an_app(), id=uuid_for("app", name), name=name, url=url)


ORDER = _function("shop-order", "shop", "Handle order", "shop/order.created")
REFUND = _function("shop-refund", "shop", "Handle refund", "shop/refund.*")
MAIL = _function("mail-order", "mail", "Mail order", "shop/*", "mail/sent")
APPS = [_app("shop", "http://127.0.0.1:3000/api/inngest"), _app("mail", "http://mail:80/api/inngest")]
REGISTRY = Registry(APPS, [ORDER, REFUND, MAIL])


@pytest.mark.parametrize("reference", ["shop-order", ORDER.id, "Handle order", "  shop-order  "])
def test_a_function_is_found_by_slug_uuid_and_name(reference: str) -> None:
    assert REGISTRY.find(reference) is ORDER


def test_a_short_slug_is_found_and_an_ambiguous_one_names_what_it_fits() -> None:
    assert REGISTRY.find("refund") is REFUND
    with pytest.raises(FunctionNotFoundError, match="fits several") as ambiguous:
        REGISTRY.find("order")
    assert ambiguous.value.nearest == ("shop-order", "mail-order")
    assert REGISTRY.find("order", app="mail") is MAIL


def test_a_slug_wins_over_another_functions_name() -> None:
    impostor = _function("other-x", "other", "shop-order")
    assert Registry(APPS, [impostor, ORDER]).find("shop-order") is ORDER


def test_an_unknown_reference_names_the_nearest_functions() -> None:
    with pytest.raises(FunctionNotFoundError) as unknown:
        REGISTRY.find("shop-ordr")
    assert unknown.value.nearest[0] == "shop-order"
    assert len(unknown.value.nearest) <= 5
    assert "list_functions" in unknown.value.hint


def test_an_unknown_app_names_the_nearest_and_no_app_at_all_says_so() -> None:
    with pytest.raises(AppNotFoundError) as unknown:
        REGISTRY.find("order", app="shp")
    assert unknown.value.nearest[0] == "shop"
    with pytest.raises(FunctionNotFoundError, match="no app is synced"):
        Registry().find("anything")


def test_an_archived_function_starts_nothing_and_is_found_by_id_only() -> None:
    archived = replace(ORDER, is_archived=True)
    registry = Registry(APPS, [archived, REFUND])
    assert registry.by_id(ORDER.id) is archived
    assert registry.functions == (REFUND,)
    assert registry.listening_to("shop/order.created") == []
    with pytest.raises(FunctionNotFoundError):
        registry.find("shop-order")


@pytest.mark.parametrize(
    ("event", "slugs"),
    [
        ("shop/order.created", ["shop-order", "mail-order"]),
        ("shop/refund.", ["shop-refund", "mail-order"]),
        ("shop/refund.created", ["shop-refund", "mail-order"]),
        ("shop/refund", ["mail-order"]),
        ("shop/", ["mail-order"]),
        ("shop", []),
        ("mail/sent", ["mail-order"]),
        ("mail/sent.x", []),
        ("Shop/order.created", []),
        ("", []),
    ],
)
def test_an_event_reaches_exact_names_and_trailing_wildcards(event: str, slugs: list[str]) -> None:
    assert [function.slug for function, _ in REGISTRY.listening_to(event)] == slugs


def test_a_function_with_two_triggers_for_one_event_listens_once_with_both() -> None:
    both = _function("a-b", "a", None, "x/y", "x/*")
    ((function, triggers),) = Registry([], [both]).listening_to("x/y")
    assert function is both
    assert [trigger.event for trigger in triggers] == ["x/y", "x/*"]


def test_a_cron_trigger_listens_to_no_event() -> None:
    cron = replace(a_function(), triggers=(Trigger(cron="* * * * *"),))
    registry = Registry([], [cron])
    assert registry.listening_to("") == []
    assert registry.nearest_triggers("x") == []


def test_the_nearest_triggers_are_the_most_alike_without_internal_ones() -> None:
    internal = _function("a-f", "a", None, "inngest/function.failed")
    registry = Registry([], [ORDER, REFUND, MAIL, internal])
    assert registry.nearest_triggers("shop/order.creatd")[0] == "shop/order.created"
    assert "inngest/function.failed" not in registry.nearest_triggers("inngest/function.failed")


def test_at_most_five_are_near_each_once_and_equally_near_ones_in_order() -> None:
    assert closest("x", ["b", "a", "b", "c", "d", "e", "f"]) == ["a", "b", "c", "d", "e"]
    assert closest("B", ["a", "b"])[0] == "b"
    assert closest("x", []) == []


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("http://127.0.0.1:3000/api/inngest", "http://localhost:3000/api/inngest/", True),
        ("http://[::1]:3000/x", "http://localhost:3000/x", True),
        ("http://localhost:3000/x", "http://localhost:3001/x", False),
        ("http://localhost:3000/x", "https://localhost:3000/x", False),
    ],
)
def test_an_endpoint_is_the_same_under_every_loopback_name(
    one: str,
    other: str,
    is_same: bool,  # noqa: FBT001
) -> None:
    assert (same_endpoint(one) == same_endpoint(other)) is is_same


def test_an_app_is_found_by_its_endpoint() -> None:
    assert REGISTRY.app_at("http://localhost:3000/api/inngest/") is APPS[0]
    assert REGISTRY.app_at("http://localhost:9/api/inngest") is None
