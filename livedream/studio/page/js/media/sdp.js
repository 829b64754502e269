// Connecting to the server by WebRTC.

const GATHERING_MS = 1000; // candidates on this machine and its network take a few milliseconds
const DISCONNECTED_MS = 3000; // after which a connection is given up: a new one takes less than a second

/** This browser has no address for WebRTC: it is in no network, and does not use the loopback interface. */
export class NoAddressError extends Error {}

/** Wait until all candidates are known, but not long: the server needs them in the offer. */
function gathered(connection) {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    connection.addEventListener("icegatheringstatechange", () => {
      if (connection.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Send the offer of a connection and take the answer; return the id that the server gives it.
 *
 * Throws NoAddressError, and what `request` throws.
 */
export async function negotiate(connection, { client, role, request, change = (sdp) => sdp }) {
  await connection.setLocalDescription(await connection.createOffer());
  await gathered(connection);
  const { sdp } = connection.localDescription;
  // It would never connect: candidates that come later are not sent.
  if (!sdp.includes("a=candidate:")) throw new NoAddressError("this browser has no network for WebRTC");
  const answer = await request("POST", "/api/webrtc", { sdp, type: "offer", client, role });
  if (connection.signalingState !== "closed") {
    await connection.setRemoteDescription({ type: "answer", sdp: change(answer.sdp) });
  }
  return answer.peer;
}

/** Call `work(reason)` when a connection has died; it may call it again. */
export function onDeath(connection, work) {
  connection.addEventListener("connectionstatechange", () => {
    const state = connection.connectionState;
    if (state === "failed" || state === "closed") work("the connection failed");
    if (state !== "disconnected") return;
    setTimeout(() => connection.connectionState === "disconnected" && work("the connection was lost"), DISCONNECTED_MS);
  });
}

/** Let Chromium begin with a bitrate that shows all of a picture. It begins with 0.3 Mbit/s and scales down. */
export function withStartBitrate(sdp, kilobits) {
  const lines = sdp.split("\r\n");
  const media = lines.findIndex((line) => line.startsWith("m=video"));
  if (media < 0) return sdp;
  const type = lines[media].split(" ")[3];
  const rate = `x-google-start-bitrate=${kilobits}`;
  const format = lines.findIndex((line) => line.startsWith(`a=fmtp:${type} `));
  if (format >= 0) {
    lines[format] += `;${rate}`;
  } else {
    const map = lines.findIndex((line) => line.startsWith(`a=rtpmap:${type} `));
    lines.splice(map + 1, 0, `a=fmtp:${type} ${rate}`);
  }
  return lines.join("\r\n");
}

/** The address of a WebSocket of this server. */
export function socketAddress(path, values) {
  const address = new URL(path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value);
  return address.href;
}
