"""Addresses of streams: parsing, redaction of secrets, and whether two addresses mean the same place.

An address may contain secrets: a password, a token after `?`, and the stream key, which is a part of the path.
`redact` removes them from one address, `redact_text` from all addresses in a text. Everything that is printed, drawn or
logged goes through `redact_text`, so that a message which does not call `redact` reveals nothing either.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from livedream.errors import ArgumentError

STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "rtp", "srt")
"""The protocols of network cameras and streams."""
OBJECTS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "hdfs", "webhdfs", "memory", "hf", "dbfs")
"""The protocols of object stores and file systems, whose paths are names of files and hold no keys."""
HIDDEN = "..."
"""Replaces what is not shown."""

_ANYWHERE = ("", "0.0.0.0", "::")
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
_STREAM = rf"(?:{'|'.join(sorted(STREAMS, reverse=True))})"
_WHOLE = re.compile(
    rf"(?:({_SCHEME})://|({_STREAM})(?::/?(?=[^/])|\s*[:;\uff1a\uff1b]\s*//\s*))(.*)", re.DOTALL | re.IGNORECASE
)
_INSIDE = re.compile(rf"(?<![A-Za-z0-9+.-])(?:{_SCHEME}://\S+|{_STREAM}:/?(?!/)\S*@\S+)", re.IGNORECASE)
# Credentials without a scheme, user:password@host. After a single slash they are a part of a file name.
_CREDENTIALS = re.compile(r"(?<![\w.:\\@%-])(?<![^/]/)([\w.%+~-]{1,64}):(\S+)@(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(\S*)")
_NO_USERS = ("guide", "mask", "class", "direction", "mailto", "file", "screen", "virtual-camera")
"""Words before a colon in our own syntax and in e-mail addresses."""
_FILE = re.compile(r"\.(?:mp4|m4v|mov|mkv|webm|avi|mpe?g|m?ts|flv|gif|png|jpe?g|webp|tiff?|toml|wav)", re.IGNORECASE)
# A path is shown as far as it consists of common words: any other part may be a key.
_WORDS = (
    r"app|audio|axis|cam|camera|cgi|ch|channels?|clip|default|demo|dvr|encoder|film|flv|h26[45]|hls|image|img|index|"
    r"input|ipcam|live|main|master|media|mjpe?g|movie|mpeg4?|mjpg|output|onvif|play|playlist|profile|rtmp|rtsp|"
    r"short|snapshot|stream|streaming|sub|test|track|tv|unicast|vid|video|view|vod|webcam"
)
_HARMLESS = re.compile(
    rf"(?:\d{{1,4}}|(?:(?:{_WORDS})[-_.]?\d{{0,4}}[-_.]?){{1,4}})(?:\.[a-z][a-z0-9]{{1,4}})?", re.IGNORECASE
)
_LONGEST_WORD = 32
_READABLE = re.compile(
    r"(?:(?:[A-Z]?[a-z]{1,14}|\d{1,4})(?:[-_+.]|%20))+(?:mp4|m4v|mov|mkv|webm|avi|gif|png|jpe?g|webp)"
)
"""A video or image file name that consists of words: a key does not. The name of a live stream (.flv, .m3u8) may."""

_secrets: dict[str, str] = {}
"""Secrets that were given to this process, and their replacements; the longest first."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, as FFmpeg has to understand them."""

    scheme: str
    """In lower case."""
    user: str
    """User and password as typed; empty if there are none."""
    host: str
    """In lower case, without the brackets of IPv6."""
    port: int | None
    path: str
    """With its leading slash; empty if there is none."""
    rest: str
    """What follows the path: `?` and a query, `#` and a fragment."""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Return the parts of `text`.

        A password may contain `@`, `#`, `/` and `?` unescaped: some cameras ship with such passwords, and FFmpeg, like
        RFC 3986, would end the host at the first of these characters.

        Raises:
            ArgumentError: it is not an address. The message shows no secrets.
        """
        scheme, colon, rest = text.partition("://")
        if not colon or not re.fullmatch(_SCHEME, scheme):
            raise ArgumentError(f"{redact(text)} is not an address", "write, for example, rtsp://camera/1")
        if any(ord(letter) <= 32 or ord(letter) == 127 for letter in rest):
            raise ArgumentError(
                f"{redact(text)} has spaces or control characters",
                "write a space as %20",
            )
        end = _end_of_user(rest)
        user, rest = rest[: max(0, end)], rest[end + 1 :]
        split = re.match(r"([^/?#]*)([^?#]*)(.*)", rest, re.DOTALL)
        assert split is not None  # noqa: S101  it matches everything
        place, path, rest = split.groups()
        host_and_port = _host_and_port(place)
        if host_and_port is None:
            raise ArgumentError(
                f"{redact(text)} names no host and port", f"write {scheme}://camera:554/1; an IPv6 host in brackets"
            )
        return cls(scheme.lower(), user, *host_and_port, path, rest)

    def __str__(self) -> str:
        """Return it as FFmpeg takes it: characters that would end the password too early are written like %23."""
        user = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", self.user)
        user = f"{quote(user, safe=':%!$&()*+,;=-._~')}@" if user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}{self.path}{self.rest}"


def _end_of_user(rest: str) -> int:
    """Return the index of the `@` that ends user and password in `rest`, the text after `://`; -1 if there are none."""
    parts = re.split(r"[/?#]", rest)
    if len(parts[0]) < len(rest) and "@" in rest[len(parts[0]) :]:
        hashed = rest.find("#")
        # `user:pa` is not a host and port, and cameras have no fragments: then the password continues.
        if (_host_and_port(parts[0].rpartition("@")[2]) is None) or 0 <= hashed < rest.rfind("@"):
            begin = max(len(parts[0]), hashed)
            end = re.search(r"[/?#]", rest[rest.index("@", begin) :])
            stop = len(rest) if end is None else rest.index("@", begin) + end.start()
            return rest.rindex("@", 0, stop)
    return parts[0].rfind("@")


def _host_and_port(text: str) -> tuple[str, int | None] | None:
    """Return (host, port) of `host:port`, None if `text` has another form."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:\[\]@]*))(?::([0-9]{1,5})?)?", text)
    if match is None:
        return None
    port = int(match[3]) if match[3] else None
    if port is not None and port > 65535:
        return None
    return (match[1] or match[2] or "").lower(), port


# Redaction ------------------------------------------------------------------------------------------------------------


def redact(address: str) -> str:
    """Return `address` without user and password, query and stream key.

    Of its path, common words stay, `rtmp://host/live/...`, and the name of a video file,
    `http://host/.../holiday.mp4`, which distinguishes several sources. In a mistyped address everything up to the last
    `@` counts as the password. Text that is not an address is returned unchanged.
    """
    whole = _WHOLE.fullmatch(address)
    if whole is None:
        return redact_text(address) if ":" in address else address
    scheme = whole[1] or whole[2]
    return _redacted(scheme, whole[3], strict=True)


def redact_text(text: str) -> str:
    """Return `text` with every address in it redacted, and without the secrets passed to `register_secrets`."""
    for secret, instead in _secrets.items():
        text = text.replace(secret, instead)
    if "://" in text or ("@" in text and ":" in text):
        text = _INSIDE.sub(_redact_match, text)
        text = _CREDENTIALS.sub(_redact_credentials, text)
    return text


def register_secrets(text: str) -> None:
    """Let `redact_text` hide `text`, an argument of the user, wherever it occurs, if it is an address with secrets.

    Patterns recognize an address in a sentence by its beginning and end; a registered address is recognized as a whole,
    including spaces.
    """
    redacted = redact(text)
    if redacted == text:
        return
    pieces = {text: redacted}
    user = re.sub(rf"^(?:{_SCHEME}:)?/*", "", text).rpartition("@")[0]
    _, _, password = user.partition(":")
    if password:
        pieces[user] = HIDDEN
        if len(password) >= 6 and not (password.isalpha() and password.islower()):  # not a word of our own messages
            pieces[password] = HIDDEN
    for secret, instead in pieces.items():
        for written in (secret, repr(secret)[1:-1], quote(secret, safe=""), quote(secret, safe=":/")):
            _secrets.setdefault(written, instead)
    for secret in sorted(_secrets, key=len, reverse=True):  # replacing a part first would hide the whole
        _secrets[secret] = _secrets.pop(secret)


def _redacted(scheme: str, rest: str, *, strict: bool) -> str:
    """Return a redacted address. strict: whether the path of any scheme may contain a key, also of http."""
    if scheme.lower() == "file":
        return f"{scheme}://{rest}"
    rest = rest.rpartition("@")[2]
    split = re.match(r"([^/?#]*)([^?#]*)", rest)
    assert split is not None  # noqa: S101  it matches everything
    place, path = split.groups()
    if ":" in place and _host_and_port(place) is None:  # user:password%40host, or the host is missing
        return f"{scheme}://{HIDDEN}"
    if (strict or not scheme.lower().startswith("http")) and scheme.lower() not in OBJECTS:
        path = _without_key(path, always=scheme.lower().startswith("rtmp"))
    return f"{scheme}://{place}{path}"


def _without_key(path: str, *, always: bool) -> str:
    """Return `path` up to the first part that may be a key. always: whether the last part always counts as a key."""
    parts = path.split("/")
    last = max((number for number, part in enumerate(parts) if part), default=0)
    for number, part in enumerate(parts):
        key = not (len(part) <= 2 or (len(part) <= _LONGEST_WORD and _HARMLESS.fullmatch(part)))
        if part and (key or (always and number == last > 1)):
            named = [parts[-1]] if not always and _READABLE.fullmatch(parts[-1]) else []
            hidden = [HIDDEN] if number < len(parts) - len(named) else []
            return "/".join([*parts[:number], *hidden, *named])
    return path


def _redact_match(match: re.Match[str]) -> str:
    text = match.group()
    address = text.rstrip("'\"`)]}>,;:.")
    if text[len(address) :].startswith(HIDDEN):
        address += HIDDEN
    whole = _WHOLE.fullmatch(address)
    if whole is None:
        return text
    return _redacted(whole[1] or whole[2], whole[3], strict=False) + text[len(address) :]


def _redact_credentials(match: re.Match[str]) -> str:
    user, password, host, rest = match.groups()
    if user.lower() in _NO_USERS:
        return f"{user}:{_CREDENTIALS.sub(_redact_credentials, f'{password}@{host}{rest}')}"
    if password.startswith("//"):  # an address, which is redacted already
        return match.group()
    drive = len(user) == 1 and password[0] in "\\/"
    a_file = _FILE.fullmatch(host[host.rfind(".") :]) if "." in host else None
    if drive or a_file:
        return match.group()
    return f"{HIDDEN}@{host}{rest}"


# Comparison -----------------------------------------------------------------------------------------------------------


def same_place(one: str, other: str) -> bool:
    """Return whether data sent to one of two addresses is received at the other.

    For protocols without a server in between, a port of this machine is the same place under all names of the machine.
    """
    if "://" not in one or "://" not in other:
        return one == other
    try:
        first, second = Address.parse(one), Address.parse(other)
    except ArgumentError:  # opening it reports the error
        return one == other
    if first.scheme != second.scheme or first.port != second.port:
        return False
    hosts = {_machine(first.host), _machine(second.host)}
    if first.scheme in ("udp", "rtp"):
        return len(hosts) == 1 or hosts <= {"here", "anywhere"}
    return len(hosts) == 1 and first.path == second.path


def _machine(host: str) -> str:
    if host in _ANYWHERE:
        return "anywhere"
    return "here" if host == "localhost" or _is_loopback(host) else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
