"""A detached Ed25519 signature of a report: a small text file that names the first changed line if the report changes.

The signature covers every line of its file before the last one, and these hold the size, the SHA-256 and the checksums
of the lines of the report. The keys are those of the package `cryptography`, which is loaded where it is needed.
"""

import base64
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bulk.errors import FileTrouble, InputError
from bulk.files.file_errors import as_file_trouble
from bulk.files.line_checksums import LineChecks, first_change
from bulk.files.private_files import open_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX = ".sig"
FIRST_LINE = "posthog-bulk signature 1"
MISSING_PACKAGE = (
    "signatures need the package cryptography, which is not installed; run: python -m pip install 'posthog-bulk[sign]'"
)
_MAKE_KEY = "make one with: openssl genpkey -algorithm ed25519 -out KEYFILE"
_FIELDS = ("size", "sha256", "lines", "public-key", "signature")
_MAX_BYTES = 1 << 20


def signature_of(path: Path) -> Path:
    """Return where the signature of a file is."""
    return path.with_name(path.name + SUFFIX)


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What a signature file says.

    Arguments:
        size: bytes of the signed file.
        sha256: of the signed file, as hex digits.
        lines: checksums of its lines.
        public_key: of the signer: 32 bytes.
        signature: 64 bytes.
        signed: the bytes that the signature covers.
    """

    size: int
    sha256: str
    lines: str
    public_key: bytes
    signature: bytes
    signed: bytes


def load_private_key(path: Path) -> "Ed25519PrivateKey":
    """Return the key of a PEM file that only its owner can read.

    Raises:
        InputError: `cryptography` is not installed.
        FileTrouble: others can read it, or it is no unencrypted Ed25519 key.
    """
    _, private_keys, serialization = _library()
    data = _read(path, private=True)
    try:
        key = serialization.load_pem_private_key(data, password=None)
    except TypeError:
        fix = f"give a key without a passphrase: openssl pkey -in {path.name} -out NEW_KEYFILE"
        raise FileTrouble(path, "is encrypted with a passphrase", fix) from None
    except ValueError:
        raise FileTrouble(path, "is not a private key in PEM format", _MAKE_KEY) from None
    if not isinstance(key, private_keys.Ed25519PrivateKey):
        raise FileTrouble(path, "is not an Ed25519 key", _MAKE_KEY)
    found: Ed25519PrivateKey = key
    return found


def load_public_key(path: Path) -> bytes:
    """Return the 32 bytes of the Ed25519 public key of a PEM file; raises as `load_private_key` does."""
    _, keys, serialization = _library()
    data = _read(path)
    fix = "make it from the private key with: openssl pkey -in KEYFILE -pubout -out PUBLIC.pem"
    try:
        key = serialization.load_pem_public_key(data)
    except ValueError:
        raise FileTrouble(path, "is not a public key in PEM format", fix) from None
    if not isinstance(key, keys.Ed25519PublicKey):
        raise FileTrouble(path, "is not an Ed25519 public key", fix)
    return _raw(key)


def sign(data: bytes, key: "Ed25519PrivateKey") -> bytes:
    """Return the content of the signature file for the content of a report; the same for the same content and key."""
    checks = LineChecks()
    for line in _lines(data):
        checks.add(line)
    fields = {
        "size": str(len(data)),
        "sha256": hashlib.sha256(data).hexdigest(),
        "lines": checks.encode(),
        "public-key": base64.b64encode(_raw(key.public_key())).decode(),
    }
    signed = "".join(f"{line}\n" for line in (FIRST_LINE, *(f"{name}: {value}" for name, value in fields.items())))
    signature = base64.b64encode(key.sign(signed.encode())).decode()
    return f"{signed}signature: {signature}\n".encode()


def read_signature(path: Path) -> Signature:
    """Return what a signature file says; raises FileTrouble if it is none."""
    data = _read(path)
    try:
        first, *lines, rest = data.decode("ascii").split("\n")
        pairs = [line.split(": ", 1) for line in lines]
        if first != FIRST_LINE or rest or tuple(pair[0] for pair in pairs) != _FIELDS:
            raise ValueError
        fields = dict(pairs)
        return Signature(
            size=int(fields["size"]),
            sha256=fields["sha256"],
            lines=fields["lines"],
            public_key=_decode(fields["public-key"]),
            signature=_decode(fields["signature"]),
            signed=data[: data.rindex(b"signature: ")],
        )
    except ValueError:
        raise FileTrouble(path, "is not a signature of posthog-bulk, or was changed", _SIGN_AGAIN) from None


def _decode(text: str) -> bytes:
    """Return the bytes of base64; raises ValueError for another text of the same bytes: the last bits mean nothing."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError
    return data


_SIGN_AGAIN = "use the signature file that was written with the report"
_UNCHANGED_COPY = "use an unchanged copy of it"


def check_signature(path: Path, signature_path: Path, public_key: bytes | None) -> str:
    """Check that a file is what its signature says, and return the fingerprint of the key that signed it.

    Arguments:
        path: the signed file.
        signature_path: its signature file.
        public_key: the key that must have signed it; None for the one that the signature file names.

    Raises:
        InputError: `cryptography` is not installed.
        FileTrouble: the file or its signature was changed, and where; or another key signed it.
    """
    invalid, keys, _ = _library()
    if not os.path.lexists(signature_path) and os.path.lexists(path):
        if path.suffix == SUFFIX:
            raise FileTrouble(path, "is a signature", f"give the report that it signs: {path.with_suffix('')}")
        raise FileTrouble(
            path,
            f"has no signature in {signature_path}",
            "give it with --signature, or sign the report: posthog-bulk report JOURNAL -o FILE --sign KEYFILE",
        )
    signature = read_signature(signature_path)
    if public_key is not None and public_key != signature.public_key:
        problem = f"was signed with another key, whose fingerprint is {fingerprint(signature.public_key)}"
        raise FileTrouble(path, problem, "give the public key of the signer with --key")
    try:
        keys.Ed25519PublicKey.from_public_bytes(signature.public_key).verify(signature.signature, signature.signed)
    except (invalid, ValueError):
        raise FileTrouble(signature_path, "was changed: its signature is not valid", _SIGN_AGAIN) from None
    data = _read(path, limit=None)
    if hashlib.sha256(data).hexdigest() != signature.sha256:
        raise FileTrouble(path, f"was changed after it was signed{_place(data, signature)}", _UNCHANGED_COPY)
    return fingerprint(signature.public_key)


def fingerprint(public_key: bytes) -> str:
    """Return the SHA-256 of a public key, by which people recognize it."""
    return hashlib.sha256(public_key).hexdigest()


def _place(data: bytes, signature: Signature) -> str:
    """Return where a file first differs from the signed one, in words."""
    found = first_change(signature.lines, _lines(data))
    if found is None:
        return f": it has {len(data):,} bytes instead of {signature.size:,}"
    first, last = found
    return f", in line {first:,}" if first == last else f", in one of the lines {first:,} to {last:,}"


def _lines(data: bytes) -> Iterator[bytes]:
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


def _read(path: Path, *, private: bool = False, limit: int | None = _MAX_BYTES) -> bytes:
    fd = open_regular(path, os.O_RDONLY)
    with as_file_trouble(path, "cannot be read"), os.fdopen(fd, "rb") as file:
        if private and os.fstat(fd).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise FileTrouble(path, "can be read by other users", f"make it private: chmod 600 {path.name}")
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise FileTrouble(path, "is too large for a key or a signature", "check the name")
    return data


def _raw(key: "Ed25519PublicKey") -> bytes:
    return key.public_bytes_raw()


def _library() -> tuple[Any, Any, Any]:
    """Return the exception for a wrong signature, the module of the keys, and the one that reads them."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise InputError(MISSING_PACKAGE) from None
    return InvalidSignature, ed25519, serialization
