"""Parts of a report that have types of their own. Pure."""
