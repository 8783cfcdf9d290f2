"""Opening a job: the checks before anything is written, and the records with which a run starts and ends."""
