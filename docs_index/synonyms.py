"""What people from other systems, or in plain English, call the things of this field."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from docs_index.analyser import words_of
from docs_index.stemming import stem

# Left: text that is searched as well, with less weight than the user's own words.
# Right: words and phrases of a query that ask for it; the words of a phrase may have others between them.
_TABLE = {
    # What other systems call it.
    "function": "workflow, lambda, handler, job, orchestration, state machine",
    "run": "job, execution, workflow instance",
    "step": "activity, task, action, node, stage",
    "step run": "task, activity",
    "app": "worker, service",
    "event": "message, notification, topic, pubsub",
    "step results stored": "checkpoint, journal, durable, state store",
    "step id": "step name, name step, rename step",
    # Waiting.
    "sleep": (
        "delay, delayed, pause, timer, later, remind, days later, week later, hour later, day after, week "
        "after, wait day, wait week, wait hour, durable timer"
    ),
    "sleepUntil": "specific date, certain date, given date, date time, specific time, until date",
    "waitForEvent": (
        "human, approval, approve, approves, manager, human approval, confirm, "
        "confirmation, user reply, user answer, nobody answered, signal"
    ),
    "handle timeout": "nobody answered, no answer, no reply, answered in time, not in time, never arrives",
    "waitForSignal": ("signal, callback, external system, continue run, task token"),
    "long waits": "run takes hours, takes hours, run takes minutes, outlive",
    # Starting.
    "trigger": "start, starts, webhook, listen, react",
    "cron schedule": (
        "every day, every monday, every weekday, every week, every month, every hour, every morning, "
        "nightly, hourly, daily, weekly, monthly, periodic, periodically, recurring, repeat every, cron "
        "job, crontab, timetable, scheduler, schedule, at noon, beat"
    ),
    "schedule": "cron",
    "time zone": "berlin, paris, new york, clock, clocks, daylight, utc, local time, dst",
    "missed ticks": "catchup, backfill, missed schedule, missed run, was down schedule",
    "delayed events future": "schedule once, event later, start later, delayed job, start date",
    "condition expression": "only if, only when, only for, filter, greater than, above, compare field",
    "wildcard": "begin with, begins with, starts with, prefix, all events",
    "fan-out sendEvent": (
        "fan out, fanout, kick off, thousand, thousands, many workflows, many functions, many jobs, start "
        "many, broadcast, publish, publish topic, emit, dispatch, enqueue, several functions"
    ),
    "invoke": (
        "child, subworkflow, sub workflow, child workflow, call another, another function, another "
        "workflow, call function, compose, continue as new"
    ),
    "another app": "different service, other service, different app, microservice, another service",
    "webhook": "stripe, github, provider notification, incoming http",
    # Flow control.
    "singleton": (
        "one at a time, only one, just one, one run, never two, unique job, unique, mutex, "
        "lock, exclusive, overlapping runs, replace run, already running, already going, previous run, "
        "earlier run"
    ),
    "concurrency": (
        "queue, parallel limit, limit parallel, how many at once, per tenant, per customer, per user, never "
        "two, one at a time, only one, semaphore, worker pool, connections, share limit, noisy neighbour"
    ),
    "throttle": (
        "rate limit, calls second, requests minute, requests second, per minute, per second, "
        "api limit, overload, slow down, spread out, third party limit, quota, limiter"
    ),
    "rateLimit": "drop, dropping, at most once, once per hour, limiter",
    "debounce": ("last change, last edit, last event, only last, latest event, types quickly, typing"),
    "batchEvents batch": (
        "bulk, bulk insert, hundreds events, many events once, events at once, group events, collect "
        "events, buffer"
    ),
    "priority": "first, go first, precedence, paying, vip, important first, ahead, urgent, jump queue",
    "flow control": "backpressure, limit runs, limit",
    # Failing.
    "retries attempts": (
        "retry, attempt, give up, giving up, tried, try again, how many times, times try, backoff, max "
        "attempts"
    ),
    "backoff": "between attempts, exponential, how long between, interval",
    "NonRetriableError": (
        "not retry, no retry, stop retrying, stop retries, without retrying, never retry, forbid retry, "
        "invalid input, declined, permanent, fatal, unrecoverable, application failure"
    ),
    "RetryAfterError": "come back, retry later, countdown, 429, too many requests, retry after, try later",
    "error": "exception, throw, raise, crash, panic",
    "failed": "crash, broke, broken, failing",
    "onFailure": (
        "dead letter, dead letter queue, dlq, failed for good, finally failed, alert, "
        "slack, notify, pager, every failure, all failures, failure notification, failed "
        "jobs"
    ),
    "rollback": "undo, refund, saga, compensate, compensation, revert, transaction, earlier steps",
    "cancel cancellation": "abort, kill, terminate, stop, stopped, unsubscribe, unsubscribes, aborted",
    "cancelOn": "unsubscribes, stop when, cancel when, cancel run when",
    "timeouts cancellation": (
        "expire, deadline, too long, takes longer, longer than, give up after, heartbeat"
    ),
    "cancelled function cleanup": (
        "cleanup, clean up, free resources, after cancelled, after cancel, teardown"
    ),
    # Running.
    "parallel": (
        "concurrent, concurrently, simultaneous, same time, at once, merge, promise all, asyncio, gather, "
        "map, together"
    ),
    "first wins race": "whichever first, answers first, fastest, quickest, hedge",
    "loop": (
        "iterate, map, for each, each row, each item, page after page, pagination, pages, paginate, cursor"
    ),
    "element of a list": "each row, each item, for each, map state, rows, every row",
    "idempotency": (
        "duplicate, duplicates, dedupe, deduplicate, deduplication, twice, double, exactly once, same "
        "again, unique jobs, unique job"
    ),
    "memoization": (
        "cache, replay, resume, deterministic, nondeterministic, determinism, persist, local variable, "
        "variable between, between steps, remember, side effects"
    ),
    "handler replayed from the top": (
        "again and again, outside step, outside steps, before first step, code runs, several times, many "
        "times, executed several, event sourcing"
    ),
    "versioning": (
        "deploy, deployment, deployed, migrate, new code, new version, change code, code changes, rename, "
        "half done, in flight, under way, patch"
    ),
    "large state": (
        "too large, too big, huge, big, mb, gb, megabyte, pdf, file, files, image, video, upload, blob, "
        "memory"
    ),
    "limit": "max, maximum, largest, how large, how many, quota, size",
    "json": "serialize, serialized, date object, objects, class instance, strings",
    "step.ai": "llm, openai, gpt, anthropic, language model, prompt, prompts, model, agent, rag",
    "infer": "slow model, slow llm, model serverless, llm serverless",
    "step.fetch": "http call, http request, api request, slow api, call url",
    "checkpointing": "latency, overhead, faster steps, round trips",
    "middleware": (
        "every function, all functions, everywhere, dependency, inject, plugin, hook, hooks, interceptor, "
        "one place, before each, every event"
    ),
    "realtime": "live, browser, progress, frontend, websocket, stream updates, ui, subscribe",
    "connect": (
        "worker, without http, persistent connection, holds connection, long running worker, outbound"
    ),
    "self-hosting": "own servers, self host, selfhost, on premise, kubernetes, helm, postgres, redis",
    "types": "type safe, typed, schema, schemas, zod, pydantic, autocomplete, shape",
    "encryption": "encrypt, private data, pii, secret data, gdpr",
    "logging": "logger, log lines, logs, winston, pino",
    "traces": "opentelemetry, otel, spans, tracing, telemetry",
    "serve": "endpoint, framework, frameworks, route, express, nextjs, flask, django",
    "environment variables": "env, env var, locally, local, configure",
    "signing key": "secret, authenticate, signature, rotate",
    # Testing and looking.
    "mock": "pretend, fake, stub, simulate, stand in, instead of calling, spy",
    "fault": "down, outage, unavailable, chaos, flaky, network error, break, resilience",
    "advance_time": "without waiting, skip time, skip wait, fast forward, time travel, fake timers",
    "export_test": "regression, regression test, run into test, record test, reproduce",
    "CI": "github actions, gitlab, pipeline, continuous integration, jenkins, test suite",
    "coverage": "never tested, untested, branches",
    "rerun": "again from, corrected, repeat run, run again, redo, retry run, try again from",
    "check_replay": "break runs, half done, change break, compatible",
    "reset_engine": "empty state, clean state, start over, wipe, fresh, from scratch",
    "snapshot restore": "go back, save state",
    "pause_function": "freeze, halt, disable, suspend, hold, stop function",
    "explain why": "why not, reason",
    "running waiting": "stuck, hang, hung, forever",
    "status": "trace, inspect, watch, monitor, progress, finished",
    "debug": "log, trace, inspect, broken, investigate",
    "ai": "claude, copilot, assistant",
    "REST API": "script, curl, http api, programmatically, backend",
    # Setting up.
    "quickstart": (
        "install, setup, set up, getting started, hello world, first function, example app, tutorial"
    ),
    "docker": "container, compose, image, kubernetes, laptop, devcontainer",
    "host url": "docker, container, laptop",
    "security token": "network, password, protect, expose, exposed, secure, firewall",
    "data on disk": "keep data, restart, persist, survive restart, lost restart",
    "option cli": "flag, command, argument, parameter",
    "version 3 and version 4": "upgrade, changed in version, what changed, breaking, migrate",
}

# Plain English: the words of a line stand for each other.
_ALIKE = """
store save keep persist record remember
state status
finish end complete done over
begin start launch
error failure exception problem
fail break crash
different difference differ compare versus
change modify edit alter update
remove delete drop clear erase
show display see view list print inspect
receive get obtain
send emit deliver publish
wrong invalid incorrect bad faulty malformed
allow permit may enable
forbid prevent avoid disallow refuse reject
limit maximum most cap ceiling
option parameter setting argument flag
result output return response answer
data payload body input
url address link endpoint
name id identifier
pause suspend halt freeze hold
stop cancel abort kill terminate
again repeat twice redo
user customer tenant account client
machine computer laptop host
test check verify try
order sequence
line queue
find search look
reason cause why
deploy redeploy release ship publish
random nondeterministic
fast quick speed latency
slow delay late
big large huge size
connect connection attach
missing lost absent
create make write define
example sample snippet
use call invoke
log print console
exact precise equal
parallel concurrent simultaneous
schedule cron timer periodic
"""


def _phrases(table: Mapping[str, str]) -> Mapping[str, tuple[tuple[tuple[str, ...], str], ...]]:
    """Return the first stem of each phrase → (all its stems, the text to search as well)."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for text, phrases in table.items():
        for phrase in phrases.split(","):
            stems = tuple(stem(word) for word in words_of(phrase))
            found.setdefault(stems[0], []).append((stems, text))
    return MappingProxyType({first: tuple(phrases) for first, phrases in found.items()})


def _alike(text: str) -> Mapping[str, tuple[str, ...]]:
    """Return stem → the other words of its lines."""
    found: dict[str, dict[str, None]] = {}
    for line in text.strip().splitlines():
        words = line.split()
        for word in words:
            found.setdefault(stem(word), {}).update((other, None) for other in words if other != word)
    return MappingProxyType({one: tuple(others) for one, others in found.items()})


_BY_FIRST = _phrases(_TABLE)
_BY_STEM = _alike(_ALIKE)
# Other words that may stand in a phrase: "never two" is also "never has two".
_BETWEEN = 3


def alike(word: str) -> tuple[str, ...]:
    """Return the words of plain English that stand for `word`, a stem."""
    return _BY_STEM.get(word, ())


def related(stems: Sequence[str]) -> list[tuple[tuple[int, ...], str]]:
    """Return (positions in `stems`, text to search as well) for each phrase of the table found there.

    For each text only the longest of its phrases counts.
    """
    places: dict[str, list[int]] = {}
    for position, word in enumerate(stems):
        places.setdefault(word, []).append(position)
    found: dict[str, tuple[int, ...]] = {}
    for first in places:
        for phrase, text in _BY_FIRST.get(first, ()):
            at = _find(phrase, places)
            if len(at) > len(found.get(text, ())):
                found[text] = at
    return [(at, text) for text, at in found.items()]


def _find(phrase: tuple[str, ...], places: Mapping[str, list[int]]) -> tuple[int, ...]:
    """Return where the words of a phrase stand in this order, close to each other; () when they do not."""
    if any(word not in places for word in phrase):
        return ()
    for start in places[phrase[0]]:
        at = [start]
        for word in phrase[1:]:
            following = bisect_right(places[word], at[-1])
            if following == len(places[word]):
                return ()  # a later start cannot find it either
            at.append(places[word][following])
        if at[-1] - start < len(phrase) + _BETWEEN:
            return tuple(at)
    return ()
