"""The apps and functions known now: an immutable snapshot, replaced at each sync."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from durable_engine.errors import AppNotFoundError, FunctionNotFoundError
from durable_engine.ids import uuid_for
from durable_engine.model.function import App, Function, Trigger

_NEAREST: Final = 5
_SIMILAR: Final = 0.5
_LONGEST: Final = 200
"""Characters that are compared: similarity costs the product of both lengths."""


class Registry:
    """Functions by slug, by id and by what starts them. Archived ones are found by id only."""

    def __init__(self, apps: Iterable[App] = (), functions: Iterable[Function] = ()) -> None:
        self.apps = tuple(apps)
        self._by_id = {function.id: function for function in functions}
        self.functions = tuple(function for function in self._by_id.values() if not function.is_archived)
        self.archived = tuple(function for function in self._by_id.values() if function.is_archived)
        self._by_event: dict[str, list[tuple[Function, Trigger]]] = defaultdict(list)
        self._by_prefix: list[tuple[Function, Trigger]] = []
        for function in self.functions:
            for trigger in function.triggers:
                if trigger.event is None:
                    continue
                if trigger.event.endswith("*"):
                    self._by_prefix.append((function, trigger))
                else:
                    self._by_event[trigger.event].append((function, trigger))

    def by_id(self, function_id: str) -> Function:
        """Return a function that a run refers to, archived or not."""
        return self._by_id[function_id]

    def knows(self, function_id: str) -> bool:
        """Whether there is such a function, archived or not."""
        return function_id in self._by_id

    def has(self, function: Function) -> bool:
        """Whether exactly this function is known."""
        return self._by_id.get(function.id) == function

    def with_function(self, app: App, function: Function) -> Registry:
        """Return a registry that knows this app and this function besides."""
        apps = {known.id: known for known in self.apps} | {app.id: app}
        functions = self._by_id | {function.id: function}
        return Registry(
            sorted(apps.values(), key=lambda known: known.name),
            sorted(functions.values(), key=lambda known: known.slug),
        )

    def listening_to(self, event_name: str) -> list[tuple[Function, list[Trigger]]]:
        """Return the functions that an event of this name may start, each with the triggers that fit."""
        found: dict[str, tuple[Function, list[Trigger]]] = {}
        by_prefix = [entry for entry in self._by_prefix if entry[1].matches_name(event_name)]
        for function, trigger in [*self._by_event.get(event_name, ()), *by_prefix]:
            found.setdefault(function.id, (function, []))[1].append(trigger)
        return list(found.values())

    def app_at(self, url: str) -> App | None:
        """Return the app that was synced from this URL."""
        return next((app for app in self.apps if same_endpoint(app.url) == same_endpoint(url)), None)

    def exact(self, reference: str) -> Function | None:
        """Return the function with this slug or UUID, as an app names it when it invokes one."""
        return next(
            (function for function in self.functions if reference in {function.slug, function.id}), None
        )

    def find(self, reference: str, *, app: str | None = None) -> Function:
        """Find a function by slug, UUID, slug without the app, or display name, in this order.

        Raises:
            AppNotFoundError: `app` is not known.
            FunctionNotFoundError: nothing fits, or a short form fits several functions.
        """
        functions = self.of_app(app)
        wanted = reference.strip()
        fitting = _fitting(wanted, functions)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            slugs = [function.slug for function in fitting]
            raise FunctionNotFoundError(
                f"{wanted!r} fits several functions: {', '.join(slugs)}.",
                nearest=slugs,
                hint="Use one of these full ids.",
            )
        raise self._not_found(wanted, functions)

    def ever_known(self, *, app: str | None, function: str | None) -> list[Function] | None:
        """Return the functions that both references mean, archived ones too; None without references.

        Raises:
            AppNotFoundError: no function ever belonged to an app of this name or UUID.
            FunctionNotFoundError: nothing fits `function`.
        """
        if app is None and function is None:
            return None
        known = list(self._by_id.values())
        if app is not None:
            known = [entry for entry in known if app in {entry.app_name, uuid_for("app", entry.app_name)}]
            if not known:
                known = list(self.of_app(app))
        if function is None:
            return known
        fitting = _fitting(function.strip(), known)
        if not fitting:
            raise self._not_found(function, known)
        return fitting

    def app(self, reference: str) -> App:
        """Find an app by name or UUID.

        Raises:
            AppNotFoundError: no such app is synced.
        """
        for app in self.apps:
            if reference in {app.name, app.id}:
                return app
        raise AppNotFoundError(
            f"No app named {reference[:_LONGEST]!r} is synced.",
            nearest=closest(reference, [app.name for app in self.apps]),
            hint="Leave the app out, or use one of the synced apps.",
        )

    def of_app(self, app: str | None) -> tuple[Function, ...]:
        """Return the functions of an app (its name or UUID), of all apps for None; raises as `app`."""
        if app is None:
            return self.functions
        name = self.app(app).name
        return tuple(function for function in self.functions if function.app_name == name)

    def nearest_triggers(self, event_name: str, *, awaited: Iterable[str] = ()) -> list[str]:
        """Return event names that functions listen to, or that runs wait for, the closest first."""
        names = {trigger.event for function in self.functions for trigger in function.triggers} | {*awaited}
        known = sorted(name for name in names if name and not name.startswith("inngest/"))
        return closest(event_name, known)

    def _not_found(self, wanted: str, functions: Sequence[Function]) -> FunctionNotFoundError:
        if not self.functions:
            return FunctionNotFoundError(
                f"No function {wanted!r}: no app is synced.",
                hint="Start the app with INNGEST_DEV=1 and connect it: stepcue dev -u http://…/api/inngest.",
            )
        names = [form(function) for function in functions for form in (_slug, _short_slug, _name)]
        near = closest(wanted, names)
        slugs = [function.slug for name in near for function in functions if name in _forms(function)]
        return FunctionNotFoundError(
            f"No function {wanted!r}.",
            nearest=tuple(dict.fromkeys(slugs))[:_NEAREST],
            hint="Use an id from list_functions.",
        )


def same_endpoint(url: str) -> str:
    """Return a form of the URL that is equal for `localhost`, `127.0.0.1` and a trailing slash."""
    return url.replace("//127.0.0.1", "//localhost").replace("//[::1]", "//localhost").rstrip("/")


def closest(wanted: str, known: Sequence[str]) -> list[str]:
    """Return up to five of `known`, the most similar to `wanted` first.

    What has little in common with it is left out, unless everything has.
    """
    wanted = wanted[:_LONGEST]
    scores = {
        name: difflib.SequenceMatcher(None, wanted.lower(), name.lower()).ratio()
        for name in dict.fromkeys(known)
    }
    ranked = sorted(scores, key=lambda name: (-scores[name], name))
    similar = [name for name in ranked if scores[name] >= _SIMILAR]
    return (similar or ranked)[:_NEAREST]


def _fitting(wanted: str, functions: Sequence[Function]) -> list[Function]:
    """Return the functions that `wanted` means, in the first of its forms that means any."""
    for form in (_slug, _uuid, _short_slug, _name):
        fitting = [function for function in functions if form(function) == wanted]
        if fitting:
            return fitting
    return []


def _slug(function: Function) -> str:
    return function.slug


def _uuid(function: Function) -> str:
    return function.id


def _short_slug(function: Function) -> str:
    return function.slug.removeprefix(f"{function.app_name}-")


def _name(function: Function) -> str:
    return function.name


def _forms(function: Function) -> set[str]:
    return {function.slug, _short_slug(function), function.name}
