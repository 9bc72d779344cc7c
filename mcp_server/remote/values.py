"""Outputs and errors as servers wrap them."""

from __future__ import annotations

from durable_engine.model.json_value import JSONObject, JSONValue

_LONGEST_MESSAGE = 20_000


def unwrapped(output: JSONValue) -> JSONValue:
    """Return an output without the wrapping that API v2 puts around what is no object."""
    if isinstance(output, dict) and output.keys() == {"data"} and not isinstance(output["data"], dict):
        return output["data"]
    return output


def error_in(output: JSONValue) -> JSONObject | None:
    """Return the error that an output holds, with a message at least; None for none."""
    if not isinstance(output, dict):
        return {"message": output[:_LONGEST_MESSAGE]} if isinstance(output, str) and output else None
    if output.keys() == {"data"}:
        return error_in(output["data"])
    error = output.get("error") or output
    if isinstance(error, str):
        error = {**output, "message": output.get("message") or error}
    if not isinstance(error, dict):
        return None
    message = error.get("message")
    if not isinstance(message, str):
        told = error.get("error")
        message = told if isinstance(told, str) else "(no message)"
    return {**error, "message": message} if error else None
