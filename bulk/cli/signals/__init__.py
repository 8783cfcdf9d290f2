"""How a signal ends a command: in an event loop, in code without one, and what the command says then."""
