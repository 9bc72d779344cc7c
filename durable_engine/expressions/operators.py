"""The operators on values. They are total: operands that do not fit give null, and false in a comparison.

Source: CEL language definition, section Standard Definitions. Deviations, all Inngest's: null where CEL has
an error, `int` and `float` mix, a string plus anything concatenates.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from durable_engine.expressions.frame import Frame
from durable_engine.expressions.literals import INT64_MAX, INT64_MIN
from durable_engine.expressions.values import Duration, NoValueError, Timestamp, as_text, is_number, to_json


def equal(left: object, right: object, frame: Frame) -> bool:
    """Compare deeply: numbers by value whatever their type, everything else only with its own type."""
    kind = type(left)
    if kind is not type(right):
        return is_number(left) and is_number(right) and left == right
    if isinstance(left, str) and isinstance(right, str):
        if len(left) != len(right):
            return False
        frame.charge_text(len(left))
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        frame.charge(min(len(left), len(right)))
        return len(left) == len(right) and all(map(equal, left, right, repeat(frame)))
    if isinstance(left, dict) and isinstance(right, dict):
        frame.charge(min(len(left), len(right)))
        return left.keys() == right.keys() and all(equal(left[key], right[key], frame) for key in left)
    return left == right


def ordering(symbol: str) -> Callable[[object, object, Frame], bool]:
    """Return the comparison for one of `< <= > >=`; it is false for null and for values of two kinds."""
    compare: Callable[[Any, Any], bool] = {
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }[symbol]

    def ordered(left: object, right: object, frame: Frame) -> bool:
        if is_number(left) and is_number(right):
            return compare(left, right)
        kind = type(left)
        if kind is not type(right) or kind not in (str, bool, Timestamp, Duration):
            return False
        if isinstance(left, str) and isinstance(right, str):
            frame.charge_text(min(len(left), len(right)))
        return compare(left, right)

    return ordered


def contains(item: object, container: object, frame: Frame) -> bool:
    """Evaluate `item in container`: an element of a list or a key of a map."""
    if isinstance(container, list):
        frame.charge(len(container))
        return any(equal(item, element, frame) for element in container)
    if isinstance(container, dict):
        return is_key(item) and as_text(item) in container
    return False


def is_key(value: object) -> bool:
    """Tell whether the value can be the key of a map."""
    return isinstance(value, str | int | bool) or (isinstance(value, float) and value.is_integer())


def step_into(base: object, key: object) -> object:
    """Evaluate `base[key]`: null when there is no such key or element.

    JSON has string keys only, so a number or boolean finds the key that is written like it.
    """
    if isinstance(base, dict):
        return base.get(key if isinstance(key, str) else as_text(key)) if is_key(key) else None
    if isinstance(base, list) and is_number(key) and is_key(key):
        index = int(key)  # type: ignore[call-overload] # a number
        return base[index] if 0 <= index < len(base) else None
    return None


def add(left: object, right: object, frame: Frame) -> object:
    """Evaluate `left + right`."""
    if is_number(left) and is_number(right):
        return _calculate(operator.add, left, right)
    if isinstance(left, str) or isinstance(right, str):
        return join_text((left, right), "", frame)
    if isinstance(left, list) and isinstance(right, list):
        frame.charge(len(left) + len(right))
        return left + right
    if isinstance(left, Timestamp | Duration) and isinstance(right, Timestamp | Duration):
        instants = isinstance(left, Timestamp) + isinstance(right, Timestamp)
        return _time(Timestamp if instants else Duration, left.ns + right.ns) if instants < 2 else None
    return None


def join_text(values: Iterable[object], separator: str, frame: Frame) -> str:
    """Return the texts of the values with the separator between them."""
    texts = [text_of(value, frame) for value in values]
    frame.charge_text(sum(map(len, texts)) + len(separator) * len(texts))
    return separator.join(texts)


def text_of(value: object, frame: Frame) -> str:
    """Return the text of a value (see `as_text`), with the work of writing lists and maps charged."""
    return as_text(to_json(value, frame) if isinstance(value, list | dict) else value)


def subtract(left: object, right: object, _frame: Frame) -> object:
    """Evaluate `left - right`."""
    if is_number(left) and is_number(right):
        return _calculate(operator.sub, left, right)
    if isinstance(left, Timestamp) and isinstance(right, Duration):
        return _time(Timestamp, left.ns - right.ns)
    if isinstance(left, Timestamp | Duration) and type(left) is type(right):
        return _time(Duration, left.ns - right.ns)
    return None


def multiply(left: object, right: object, _frame: Frame) -> object:
    """Evaluate `left * right`."""
    return _calculate(operator.mul, left, right) if is_number(left) and is_number(right) else None


def divide(left: object, right: object, _frame: Frame) -> object:
    """Evaluate `left / right`: integers divide towards zero; null by zero."""
    if not (is_number(left) and is_number(right)) or right == 0:
        return None
    if isinstance(left, int) and isinstance(right, int):
        quotient = abs(left) // abs(right)
        return _in_range(quotient if (left < 0) == (right < 0) else -quotient)
    return _calculate(operator.truediv, left, right)


def modulo(left: object, right: object, _frame: Frame) -> object:
    """Evaluate `left % right` on integers (and floats without a fraction); the sign is that of `left`."""
    dividend, divisor = _whole(left), _whole(right)
    if dividend is None or not divisor:
        return None
    remainder = abs(dividend) % abs(divisor)
    return _in_range(-remainder if dividend < 0 else remainder)


def negate(value: object) -> object:
    """Evaluate `-value`."""
    if isinstance(value, Duration):
        return Duration(-value.ns)
    return _calculate(operator.sub, 0, value) if is_number(value) else None


def _calculate(operation: Callable[[Any, Any], Any], left: object, right: object) -> object:
    try:
        return _in_range(operation(left, right))
    except OverflowError:  # an integer of JSON that no float can hold
        return None


def _in_range(number: float) -> float | None:
    if isinstance(number, int):
        return number if INT64_MIN <= number <= INT64_MAX else None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _time(kind: type[Timestamp] | type[Duration], nanoseconds: int) -> object:
    try:
        return kind(nanoseconds)
    except NoValueError:  # outside the years that CEL knows
        return None
