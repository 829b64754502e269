"""What can go wrong in the library, as the kinds that its users tell apart."""

from livedream.errors import LivedreamError


class UnknownThingError(LivedreamError):
    """There is no file or job with that id."""


class TooLargeError(LivedreamError):
    """An upload has more bytes than are accepted."""


class NoSpaceError(LivedreamError):
    """The disk would be full."""


class UndecodableError(LivedreamError):
    """A file is neither a picture nor a film that can be decoded safely."""


class BusyError(LivedreamError):
    """Too much is waiting already."""


class WrongStateError(LivedreamError):
    """A file or job is in use, or has ended."""
