"""Reading back: what the server shows after the requests of a job."""
