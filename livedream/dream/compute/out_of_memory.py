"""What an error says of the memory of a device."""

# torch's own allocator raises OutOfMemoryError. What asks CUDA itself raises RuntimeError: pinned memory ("CUDA error:
# out of memory"), cuBLAS and cuDNN (the names of their states); so does Metal ("MPS backend out of memory").
_SIGNS = ("out of memory", "STATUS_ALLOC_FAILED", "ALLOCATION_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether there was too little memory: that is what `error` says, or what it came in the way of.

    A recording that ends for want of memory may raise, on its way out, that it was not completed.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RuntimeError) and any(sign in str(cause) for sign in _SIGNS):
            return True
        cause = cause.__context__
    return False


def first_line(error: BaseException) -> str:
    """Return the first line of an error: torch writes advice below it."""
    return str(error).partition("\n")[0]
