"""Keys for tests, and small bundles that are signed with them."""

from pathlib import Path

from mgdist.export.sign import new_keys, sign


class Pair:
    """A private and a public key, in files of a folder."""

    def __init__(self, folder: Path, name: str = "maker") -> None:
        self.private, self.public, self.id = new_keys(folder / f"{name}.key")

    def signed(self, bundle: Path, to: Path) -> Path:
        """Return a signed copy of a bundle."""
        return sign(bundle, self.private, to).path
