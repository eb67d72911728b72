import stat
import subprocess
from pathlib import Path

import pytest

from mgdist.cli import main
from mgdist.errors import ConvertError, JobError
from mgdist.export.sign import new_keys, sign
from mgdist_edge.bundle import Bundle
from mgdist_edge.signature import PublicKeys
from tests.edge.conftest import small  # noqa: F401 - a fixture


def test_the_private_key_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    private, public, name = new_keys(tmp_path)
    assert (private.name, public.name) == ("mgdist.key", "mgdist.pub")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert list(PublicKeys.read(public).keys) == [name]
    with pytest.raises(JobError, match=r"mgdist\.key: expected no file there; got one, maybe a key in use"):
        new_keys(tmp_path)
    with pytest.raises(JobError, match=r"expected a name for the private key; got that of a public one"):
        new_keys(tmp_path / "a.pub")
    with pytest.raises(JobError, match=r"expected to write a key there; got: No such file or directory$"):
        new_keys(tmp_path / "none" / "a.key")


def test_openssl_reads_the_keys(tmp_path: Path) -> None:
    private, public, _ = new_keys(tmp_path)
    for command in (["pkey", "-in", private], ["pkey", "-pubin", "-in", public]):
        told = subprocess.run(["openssl", *command, "-noout", "-text"], capture_output=True, text=True, check=True)
        assert "ED25519" in told.stdout


def test_signing_changes_the_seal_only_and_can_be_repeated(small: Bundle, tmp_path: Path) -> None:  # noqa: F811
    private, _, name = new_keys(tmp_path)
    once = sign(small.path, private, tmp_path / "once.tflite")
    content, before = once.path.read_bytes(), small.path.read_bytes()
    assert content[: len(before) - 109] == before[:-109]
    assert len(content) == len(before) + 110
    assert (once.signer, small.signer) == (name, None)
    sign(once.path, private)
    assert once.path.read_bytes() == content
    other, _, another = new_keys(tmp_path / "other.key")
    assert sign(once.path, other).signer == another


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "expected a private key that can be read; got: No such file or directory"),
        (b"secret", "expected an Ed25519 private key in PEM, without a password; got something else"),
        ("rsa", "expected an Ed25519 private key in PEM, without a password; got something else"),
        ("locked", "expected an Ed25519 private key in PEM, without a password; got something else"),
    ],
)
def test_a_wrong_key_is_told(small: Bundle, tmp_path: Path, content: bytes | str | None, line: str) -> None:  # noqa: F811
    path, before = tmp_path / "a.key", small.path.read_bytes()
    match content:
        case bytes():
            path.write_bytes(content)
        case "rsa":
            subprocess.run(["openssl", "genrsa", "-out", path, "2048"], capture_output=True, check=True)
        case "locked":
            command = ["openssl", "genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", path]
            subprocess.run(command, capture_output=True, check=True)
    with pytest.raises(JobError) as caught:
        sign(small.path, path)
    assert line in str(caught.value)
    assert small.path.read_bytes() == before


def test_what_is_no_bundle_is_not_signed(tmp_path: Path) -> None:
    private, _, _ = new_keys(tmp_path)
    (tmp_path / "a.tflite").write_bytes(b"no model")
    with pytest.raises(ConvertError, match=r"got another kind of file; nothing was signed$"):
        sign(tmp_path / "a.tflite", private)


def test_the_verbs_say_what_they_did(
    small: Bundle,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*arguments: object) -> str:
        monkeypatch.setattr("sys.argv", ["mgdist", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return f"{caught.value.code or 0} {said.out}{said.err}"

    made = run("keys", "new", tmp_path)
    name = made.split("private key ")[1][:8]
    assert made.startswith(f"0 {tmp_path}/mgdist.key: private key {name}; keep it secret, and off devices\n")
    to = tmp_path / "signed.tflite"
    assert run("sign", small.path, "--key", tmp_path / "mgdist.key", "--to", to) == (
        f"0 {to}: signed with key {name}\n"
    )
    assert run("keys", "new", tmp_path).startswith(f"2 mgdist: {tmp_path}/mgdist.key: expected no file there; got one")
    assert run("sign", small.path).startswith("2 mgdist: missing option '--key'")
