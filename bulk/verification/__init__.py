"""Reading back: whether the server shows what was asked for."""
