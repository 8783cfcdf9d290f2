"""How a connection is left: given back, or closed at once."""

from aiohttp.connector import Connection


def give_up(connection: Connection) -> None:
    """Close a connection at once: what has not left of a request whose call is over does not leave any more."""
    transport = connection.transport
    connection.close()
    if transport is not None:
        transport.abort()


def let_go(connection: Connection, *, whole: bool) -> None:
    """Give a connection back whose answer was read to its end; the connector closes it unless it can serve again.

    Arguments:
        whole: whether the request has certainly left to its end; under TLS no buffer tells.
    """
    transport = connection.transport
    if whole and (transport is None or not transport.get_write_buffer_size()):
        connection.release()
    else:
        give_up(connection)
