"""Addresses of streams: what they consist of, what may be shown of them, and whether two mean the same place.

An address may hold secrets: a user's password, a token after `?`, and the key of a stream, which is a part of its path.
`shown` makes one presentable, `masked` does so for all that stand in a text. Whatever is printed, drawn or logged goes
through `masked`, so that a message which forgets to call `shown` gives nothing away.
"""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from livedream.errors import ArgumentError

STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "tcp", "rtp", "srt")
"""How the address of a network camera begins."""
HIDDEN = "..."
"""Stands for what is not shown."""

_ANYWHERE = ("", "0.0.0.0", "::")
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
_STREAM = rf"(?:{'|'.join(sorted(STREAMS, reverse=True))})"
_WHOLE = re.compile(
    rf"(?:({_SCHEME})://|({_STREAM})(?::/?(?=[^/])|\s*[:;\uff1a\uff1b]\s*//\s*))(.*)", re.DOTALL | re.IGNORECASE
)
_INSIDE = re.compile(rf"(?<![A-Za-z0-9+.-])(?:{_SCHEME}://\S+|{_STREAM}:/?(?!/)\S*@\S+)", re.IGNORECASE)
# Credentials without a scheme, user:password@host. One slash before them makes them a part of a file's name.
_CREDENTIALS = re.compile(r"(?<![\w.:\\@%-])(?<![^/]/)([\w.%+~-]{1,64}):(\S+)@(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(\S*)")
_NO_USERS = ("guide", "mask", "class", "direction", "mailto", "file", "screen", "virtual-camera")
"""What stands before a colon in our own language, and in e-mail addresses."""
_EXAMPLE = "user:password"
"""The credentials in our own hints."""
_FILE = re.compile(r"\.(?:mp4|m4v|mov|mkv|webm|avi|mpe?g|m?ts|flv|gif|png|jpe?g|webp|tiff?|toml|wav)", re.IGNORECASE)
# Paths are shown as far as they consist of words that are the same at everybody's: any other part may be a key.
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
"""The name of a film or picture that consists of words: no key does. That of a live stream (.flv, .m3u8, .ts) may."""

_concealed: dict[str, str] = {}
"""Secrets that were given to this process, and what is shown in their place."""


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an address, as FFmpeg is to understand them."""

    scheme: str
    """In small letters."""
    user: str
    """User and password as they are typed; empty where there are none."""
    host: str
    """In small letters, without the brackets of IPv6."""
    port: int | None
    path: str
    """With the slash at its beginning; empty where there is none."""
    rest: str
    """What follows the path: `?` and options, `#` and a fragment."""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Return the parts of `text`. Raises ArgumentError, which shows no secrets.

        A password may hold `@`, `#`, `/` and `?` as they are: cameras come with such, and FFmpeg, like RFC 3986, ends
        the host at the first of these.
        """
        scheme, colon, rest = text.partition("://")
        if not colon or not re.fullmatch(_SCHEME, scheme):
            raise ArgumentError(f"{shown(text)} is no address", "write rtsp://camera/1")
        if any(ord(letter) <= 32 or ord(letter) == 127 for letter in rest):
            raise ArgumentError(
                f"{shown(text)} has spaces or control characters", "write a space as %20, and nothing invisible"
            )
        end = _end_of_user(rest)
        user, rest = rest[: max(0, end)], rest[end + 1 :]
        split = re.match(r"([^/?#]*)([^?#]*)(.*)", rest, re.DOTALL)
        assert split is not None  # noqa: S101  it matches everything
        place, path, rest = split.groups()
        found = _place(place)
        if found is None:
            raise ArgumentError(
                f"{shown(text)} names no host and port", f"write {scheme}://camera:554/1; an IPv6 host in brackets"
            )
        return cls(scheme.lower(), user, *found, path, rest)

    def __str__(self) -> str:
        """Return it as FFmpeg takes it: what would end user and password too early is written as %23."""
        user = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", self.user)
        user = f"{quote(user, safe=':%!$&()*+,;=-._~')}@" if user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{user}{host}{port}{self.path}{self.rest}"


def _end_of_user(rest: str) -> int:
    """Return the index of the `@` that ends user and password in what follows `://`, -1 where there are none."""
    parts = re.split(r"[/?#]", rest)
    if len(parts[0]) < len(rest) and "@" in rest[len(parts[0]) :]:
        hashed = rest.find("#")
        # `user:pa` is no host and port, and a fragment means nothing to a camera: then the password goes on.
        if (_place(parts[0].rpartition("@")[2]) is None) or 0 <= hashed < rest.rfind("@"):
            begin = max(len(parts[0]), hashed)
            end = re.search(r"[/?#]", rest[rest.index("@", begin) :])
            stop = len(rest) if end is None else rest.index("@", begin) + end.start()
            return rest.rindex("@", 0, stop)
    return parts[0].rfind("@")


def _place(text: str) -> tuple[str, int | None] | None:
    """Return (host, port) of `host:port`, None for what is no such thing."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|([^\s:\[\]@]*))(?::([0-9]{1,5})?)?", text)
    if found is None:
        return None
    port = int(found[3]) if found[3] else None
    if port is not None and port > 65535:
        return None
    return (found[1] or found[2] or "").lower(), port


# What may be shown ----------------------------------------------------------------------------------------------------


def shown(address: str) -> str:
    """Return `address` as it may be shown: without user and password, options, and the key of a stream.

    Of its path the parts stay that are common words, `rtmp://host/live/...`, and the name of a film,
    `http://host/.../holiday.mp4`, which tells several sources apart. Whoever made a mistake in writing has a
    password too: everything up to the last `@` is taken for one. What is no address is shown as it is.
    """
    whole = _WHOLE.fullmatch(address)
    if whole is None:
        return masked(address) if ":" in address else address
    scheme = whole[1] or whole[2]
    return _redacted(scheme, whole[3], strict=True)


def masked(text: str) -> str:
    """Return `text` with all addresses in it as they may be shown, and without any secret that `conceal` was told."""
    for secret, instead in _concealed.items():
        text = text.replace(secret, instead)
    if "://" in text or ("@" in text and ":" in text):
        text = _INSIDE.sub(_shown_inside, text)
        text = _CREDENTIALS.sub(_without_credentials, text)
    return text


def conceal(text: str) -> None:
    """Let `masked` hide `text`, an argument that somebody gave, wherever it comes up, if it is an address with secrets.

    Patterns know an address in a sentence by its beginning and end; this knows it by heart, spaces and all.
    """
    short = shown(text)
    if short == text:
        return
    pieces = {text: short}
    user = re.sub(rf"^(?:{_SCHEME}:)?/*", "", text).rpartition("@")[0]
    _, _, password = user.partition(":")
    if password and user != _EXAMPLE:
        pieces[user] = HIDDEN
        if len(password) >= 6 and not (password.isalpha() and password.islower()):  # no word of ours
            pieces[password] = HIDDEN
    for secret, instead in pieces.items():
        for written in (secret, repr(secret)[1:-1], quote(secret, safe=""), quote(secret, safe=":/")):
            _concealed.setdefault(written, instead)
    for secret in sorted(_concealed, key=len, reverse=True):  # a part must not spoil the whole
        _concealed[secret] = _concealed.pop(secret)


def _redacted(scheme: str, rest: str, *, strict: bool) -> str:
    """Return an address as it may be shown. strict: whether its path may hold a key whatever its scheme is."""
    if scheme.lower() == "file":
        return f"{scheme}://{rest}"
    user, _, rest = rest.rpartition("@")
    kept = f"{user}@" if user == _EXAMPLE else ""
    split = re.match(r"([^/?#]*)([^?#]*)", rest)
    assert split is not None  # noqa: S101  it matches everything
    place, path = split.groups()
    if ":" in place and _place(place) is None:  # user:password%40host, or the host was forgotten
        return f"{scheme}://{HIDDEN}"
    if strict or not scheme.lower().startswith("http"):
        path = _without_key(path, always=scheme.lower().startswith("rtmp"))
    return f"{scheme}://{kept}{place}{path}"


def _without_key(path: str, *, always: bool) -> str:
    """Return `path` up to the first part that may be a key. always: the last part is one, whatever it looks like."""
    parts = path.split("/")
    last = max((number for number, part in enumerate(parts) if part), default=0)
    for number, part in enumerate(parts):
        key = not (len(part) <= 2 or (len(part) <= _LONGEST_WORD and _HARMLESS.fullmatch(part)))
        if part and (key or (always and number == last > 1)):
            named = [parts[-1]] if not always and _READABLE.fullmatch(parts[-1]) else []
            hidden = [HIDDEN] if number < len(parts) - len(named) else []
            return "/".join([*parts[:number], *hidden, *named])
    return path


def _shown_inside(found: re.Match[str]) -> str:
    text = found.group()
    address = text.rstrip("'\"`)]}>,;:.")
    if text[len(address) :].startswith(HIDDEN):
        address += HIDDEN
    whole = _WHOLE.fullmatch(address)
    if whole is None:
        return text
    return _redacted(whole[1] or whole[2], whole[3], strict=False) + text[len(address) :]


def _without_credentials(found: re.Match[str]) -> str:
    user, password, host, rest = found.groups()
    if user.lower() in _NO_USERS:
        return f"{user}:{_CREDENTIALS.sub(_without_credentials, f'{password}@{host}{rest}')}"
    if password.startswith("//"):  # an address, which has been dealt with
        return found.group()
    drive = len(user) == 1 and password[0] in "\\/"
    a_file = _FILE.fullmatch(host[host.rfind(".") :]) if "." in host else None
    if drive or a_file or f"{user}:{password}" == _EXAMPLE:
        return found.group()
    return f"{HIDDEN}@{host}{rest}"


# Whether two are one --------------------------------------------------------------------------------------------------


def same_place(one: str, other: str) -> bool:
    """Return whether what is sent to one of two addresses is received at the other.

    For the protocols without a server between, a port of this machine is one place under all names of the machine.
    """
    if "://" not in one or "://" not in other:
        return one == other
    try:
        first, second = Address.parse(one), Address.parse(other)
    except ArgumentError:  # whoever opens it will say so
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
