"""Requests that the engine sends for an app: `step.fetch` and `step.ai.infer`."""
