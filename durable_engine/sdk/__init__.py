"""The SDK side of the wire: the only place, with `http_api`, where its names are spelled."""
