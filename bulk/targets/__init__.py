"""The state machine of a target: states, observations, reasons, transitions. Pure."""
