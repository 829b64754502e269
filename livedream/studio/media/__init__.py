"""Pictures to the browsers and from them: WebRTC, and JPEG over a WebSocket."""
