"""One module for each noun of the API: what its calls do to the world and answer."""
