"""What the edge runtime reports to a person in one line."""


class EdgeError(Exception):
    """Anything below; exit code 1 of ``mgdist-edge``."""

    exit_code = 1


class BundleError(EdgeError):
    """The file is not a bundle, is damaged, or is newer than this runtime."""

    exit_code = 2


class InputError(EdgeError):
    """The raw input cannot be read: not text, not UTF-8, empty."""

    exit_code = 3


class SelftestError(EdgeError):
    """The golden examples give other results on this device."""

    exit_code = 4


class StoreError(EdgeError):
    """The store of installed bundles cannot be written, is in use, or has no such version."""

    exit_code = 5


class SourceError(EdgeError):
    """Where newer bundles come from is away, stalls, or sends what it should not."""

    exit_code = 6
