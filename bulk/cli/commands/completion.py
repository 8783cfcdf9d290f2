"""`posthog-bulk completion`: print the script that completes commands and options in a shell."""

import click

from bulk.cli.options.connection_options import json_option
from bulk.cli.options.help_layout import command as help_command

SHELLS = ("bash", "zsh", "fish")
COMPLETE_VARIABLE = "_POSTHOG_BULK_COMPLETE"
"""The variable by which the script asks the command for completions; click derives the same name."""


@help_command("completion")
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
@json_option
def command(shell: str, json: bool) -> int:
    """Print the completion script for SHELL: bash, zsh or fish.

    To complete commands, options, files and profiles, add one line to your shell's configuration:

    \b
      bash, in ~/.bashrc: eval "$(posthog-bulk completion bash)"
      zsh, in ~/.zshrc: eval "$(posthog-bulk completion zsh)"
      fish, in ~/.config/fish/config.fish: posthog-bulk completion fish | source

    \b
    Example:
      posthog-bulk completion bash
    """
    from bulk.cli.job_session import CommandOutput

    script = completion_script(shell)
    output = CommandOutput(json=json)
    if json:
        output.write_event("completion", shell=shell, script=script)
    else:
        output.print_command(script.rstrip())
    return 0


def completion_script(shell: str) -> str:
    """Return the script of click that asks the command for completions.

    Arguments:
        shell: one of `SHELLS`.
    """
    from click.shell_completion import get_completion_class

    from bulk.cli.main import posthog_bulk

    kind = get_completion_class(shell)
    assert kind is not None, f"click has no completion for {shell}"
    complete = kind(posthog_bulk, {}, "posthog-bulk", COMPLETE_VARIABLE)
    return complete.source_template % complete.source_vars()
