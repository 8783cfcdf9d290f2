"""`posthog-bulk verify-signature`: check that a report is what was signed."""

from pathlib import Path

import click

from bulk.cli.options.connection_options import FILE, json_option
from bulk.cli.options.help_layout import command as help_command
from bulk.cli.options.help_layout import option


@help_command("verify-signature")
@click.argument("file", type=FILE)
@option(
    "--key",
    type=FILE,
    metavar="PUBLIC",
    help="Public key of the signer, a PEM file (default: the one in the signature, which proves only that FILE is "
    "unchanged)",
)
@option("--signature", type=FILE, metavar="FILE", help="The signature (default: FILE.sig)")
@json_option
def command(file: Path, key: Path | None, signature: Path | None, json: bool) -> int:
    """Check that FILE is unchanged since report --sign wrote it, and who signed it. Needs no network.

    A change is reported with the number of the first changed line.

    \b
    Example:
      posthog-bulk verify-signature leavers.html --key signing-key.public.pem
    """
    from bulk.cli.job_session import CommandOutput
    from bulk.files.signed_file import check_signature, load_public_key, signature_of
    from bulk.sanitize import plain

    public_key = None if key is None else load_public_key(key)
    signer = check_signature(file, signature or signature_of(file), public_key)
    output = CommandOutput(json=json)
    output.print(f"{plain(file)} is unchanged since it was signed.")
    by = plain(key) if key is not None else "a key that this command was not given: name the signer's with --key"
    output.print(f"Signed with {by}; its fingerprint is {signer}.")
    output.write_event("signature", path=str(file), fingerprint=signer, is_key_checked=key is not None)
    return 0
