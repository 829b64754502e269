"""Recognition of errors that mean a device has run out of memory."""

# torch's allocator raises OutOfMemoryError. Code that asks CUDA directly raises RuntimeError: pinned memory ("CUDA
# error: out of memory"), cuBLAS and cuDNN (the names of their status codes). So does Metal ("MPS backend out of
# memory").
_SIGNS = ("out of memory", "STATUS_ALLOC_FAILED", "ALLOCATION_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether `error`, or an error during whose handling it was raised, means that memory did not suffice.

    A CUDA graph that runs out of memory may raise, while it is left, that the recording was not completed.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RuntimeError) and any(sign in str(cause) for sign in _SIGNS):
            return True
        cause = cause.__context__
    return False


def first_line(error: BaseException) -> str:
    """Return the first line of the message; torch appends advice."""
    return str(error).partition("\n")[0]
