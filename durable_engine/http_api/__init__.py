"""The HTTP face of the engine: the paths that SDKs and scripts call, one file per resource."""
