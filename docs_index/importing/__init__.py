"""Import documentation of others into the user's library: read it, mend it, write it down as markdown.

Nothing here opens a connection: whoever imports from a URL passes a `Fetcher`, so that the index stays usable
alone, without a client for HTTP and without a network.
"""
