"""The demo: an erasure on a local server that is killed, resumed and verified."""
