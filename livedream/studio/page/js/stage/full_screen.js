/** The picture over the whole screen. */

/**
 * @param {HTMLElement} element
 * @param {(message: string, hint: string) => void} failed
 */
export async function toggleFullScreen(element, failed) {
  try {
    if (document.fullscreenElement) await document.exitFullscreen();
    else if (element.requestFullscreen) await element.requestFullscreen({ navigationUI: "hide" });
    else failed("This browser has no full screen for pages", "Open /out on this device: it shows nothing but the picture.");
  } catch {
    failed("The browser did not allow the full screen", "Click the button again.");
  }
}
