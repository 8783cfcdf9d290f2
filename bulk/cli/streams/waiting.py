"""How long a thread that handles signals waits for another one before it looks for signals again.

Python runs the handlers of signals in the main thread, between two steps of that thread. A signal that comes just
before the thread blocks, or that the system gives to another thread, does not end the wait.
"""

LOOK_EVERY_S = 0.2
