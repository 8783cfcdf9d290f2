"""A signature detects every changed byte of a report and of itself, names the line, and can be checked with openssl."""

import base64
import builtins
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from bulk.errors import FileTrouble, InputError
from bulk.files.signed_file import (
    check_signature,
    fingerprint,
    load_private_key,
    load_public_key,
    read_signature,
    sign,
    signature_of,
)

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
REPORT = b"<!doctype html>\n<p>Complete</p>\n<p>40 of 40</p>\n"


def pem(key: Any, *, password: bytes | None = None) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def private_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def signed(folder: Path) -> Path:
    report = folder / "r.html"
    report.write_bytes(REPORT)
    signature_of(report).write_bytes(sign(REPORT, KEY))
    return report


def test_a_signed_report_is_unchanged_and_its_signature_the_same_each_time(tmp_path: Path) -> None:
    report = signed(tmp_path)
    public = KEY.public_key().public_bytes_raw()
    assert check_signature(report, signature_of(report), None) == fingerprint(public)
    assert check_signature(report, signature_of(report), public) == fingerprint(public)
    assert sign(REPORT, KEY) == sign(REPORT, load_private_key(private_file(tmp_path / "k", pem(KEY))))


@pytest.mark.slow
@given(at=st.integers(0, len(REPORT) - 1), bit=st.integers(0, 7))
def test_a_changed_byte_of_the_report_is_found_in_its_line(at: int, bit: int) -> None:
    with TemporaryDirectory() as folder:
        report = signed(Path(folder))
        changed = bytearray(REPORT)
        changed[at] ^= 1 << bit
        report.write_bytes(changed)
        line = REPORT.count(b"\n", 0, at) + 1
        with pytest.raises(FileTrouble, match=rf"r\.html was changed after it was signed, in line {line}; "):
            check_signature(report, signature_of(report), None)


@pytest.mark.slow
def test_each_changed_bit_of_the_signature_is_found(tmp_path: Path) -> None:
    report = signed(tmp_path)
    content = signature_of(report).read_bytes()
    for at in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[at] ^= 1 << bit
            signature_of(report).write_bytes(changed)
            with pytest.raises(FileTrouble, match=r"r\.html\.sig "):
                check_signature(report, signature_of(report), None)


def test_a_signature_given_as_the_report_and_an_unsigned_report_are_refused_with_what_to_give(tmp_path: Path) -> None:
    report = signed(tmp_path)
    with pytest.raises(FileTrouble, match=r"r\.html\.sig is a signature; give the report that it signs: .*/r\.html\.$"):
        check_signature(signature_of(report), signature_of(signature_of(report)), None)
    signature_of(report).unlink()
    with pytest.raises(
        FileTrouble, match=r"r\.html has no signature in .*r\.html\.sig; give it with --signature, or sign the"
    ):
        check_signature(report, signature_of(report), None)
    report.unlink()
    with pytest.raises(FileTrouble, match="no such file"):
        check_signature(report, signature_of(report), None)


def test_another_signer_is_refused_if_the_key_is_given(tmp_path: Path) -> None:
    report = signed(tmp_path)
    other = Ed25519PrivateKey.generate().public_key()
    path = tmp_path / "other.pem"
    path.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(FileTrouble, match=r"was signed with another key, whose fingerprint is [0-9a-f]{64}"):
        check_signature(report, signature_of(report), load_public_key(path))


def test_a_key_that_cannot_sign_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for data, words in (
        (pem(KEY, password=b"x"), "is encrypted with a passphrase; give a key without a passphrase: openssl pkey -in"),
        (b"hello", "is not a private key in PEM format; make one with: openssl genpkey -algorithm ed25519"),
        (pem(rsa.generate_private_key(65537, 1024)), "is not an Ed25519 key"),
    ):
        with pytest.raises(FileTrouble, match=re.escape(words)):
            load_private_key(private_file(path, data))
    private_file(path, pem(KEY)).chmod(0o640)
    with pytest.raises(FileTrouble, match=r"can be read by other users; make it private: chmod 600 key\.pem"):
        load_private_key(path)
    with pytest.raises(FileTrouble, match="is not a public key in PEM format"):
        load_public_key(path)
    with pytest.raises(FileTrouble, match="is not a signature of posthog-bulk"):
        read_signature(path)


def test_without_the_package_the_pip_command_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"python -m pip install 'posthog-bulk\[sign\]'"):
        load_private_key(private_file(tmp_path / "k", pem(KEY)))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")
def test_openssl_confirms_the_signature(tmp_path: Path) -> None:
    report = signed(tmp_path)
    *lines, last = signature_of(report).read_bytes().splitlines(keepends=True)
    (tmp_path / "signed").write_bytes(b"".join(lines))
    (tmp_path / "raw").write_bytes(base64.b64decode(last.removeprefix(b"signature: ")))
    public = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin"]
    subprocess.run([*command, "-in", "signed", "-sigfile", "raw"], cwd=tmp_path, check=True, capture_output=True)
