"""What the routes of the server share."""

from concurrent.futures import Executor
from dataclasses import dataclass

from livedream.studio.library.files import Files
from livedream.studio.library.jobs import Jobs
from livedream.studio.library.uploads import Uploads
from livedream.studio.media.peers import Peers
from livedream.studio.pictures.preset_pictures import PresetPictures
from livedream.studio.server.access import Access
from livedream.studio.server.address import Address
from livedream.studio.server.clients import Clients
from livedream.studio.server.limits import WrongTokens
from livedream.studio.session.session import Session


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a studio, for its routes."""

    session: Session
    """The dream that runs."""
    clients: Clients
    """The pages that are open."""
    access: Access
    """Who may use the server."""
    address: Address
    """Where the server can be reached."""
    wrong_tokens: WrongTokens
    """Counts wrong tokens by their address."""
    peers: Peers
    """The WebRTC connections."""
    files: Files
    """Snapshots, recordings, uploads and dreams."""
    uploads: Uploads
    """Receives uploads."""
    jobs: Jobs
    """The uploads that are dreamt."""
    slow: Executor
    """Threads for calls that take seconds."""
    preset_pictures: PresetPictures
    """The present picture in every preset."""
