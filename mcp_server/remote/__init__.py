"""An Inngest server that runs elsewhere, as a backend of the tools: Dev Server, self-hosted, Cloud.

It speaks the REST APIs v2 and v1 and the event API. `backend` is the facade; nothing here knows tools.
"""
