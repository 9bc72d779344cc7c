"""What tests with SDK clients share."""

from support.roots import few_root_certificates

__all__ = ["few_root_certificates"]
