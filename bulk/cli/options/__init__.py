"""Options that commands share, and the values made of them."""
