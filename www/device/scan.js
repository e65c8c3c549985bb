// A camera that looks for a code. What it finds goes into a field; nothing is begun by it. Frames stay in this page and in the
// reader's module, which holds no key.

import { fill, h, say } from "../dom.js";
import { t } from "../text.js";

/** Pixels along the longer side of a frame that is looked at. */
const LONGEST = 800;
/** Between two looks, in milliseconds. */
const PAUSE = 150;
/** No code that means anything here is longer; the longest is an organisation's card. */
const MOST = 4096;

export class Scanner {
  #send;
  #found;
  #video = /** @type {HTMLVideoElement} */ (h("video", { class: "camera", muted: true, playsInline: true, "aria-label": t("scan.video") }));
  #canvas = /** @type {HTMLCanvasElement} */ (h("canvas"));
  #told = h("p", { class: "hint", role: "status" });
  #begin;
  #end;
  #stage = h("div", { class: "scan-stage", hidden: true });
  /** @type {MediaStream | null} */
  #stream = null;
  /** Whether the browser is asked for a camera. */
  #asking = false;
  /** @type {any} */
  #detector = null;
  element;

  /** @param {import("./app.js").Send} send @param {(text: string) => void} found */
  constructor(send, found) {
    this.#send = send;
    this.#found = found;
    this.#begin = h("button", { type: "button", class: "plain wide scan-go", onclick: () => void this.#start() }, t("scan.go"));
    this.#end = h("button", { type: "button", class: "plain wide", onclick: () => this.stop() }, t("scan.stop"));
    fill(this.#stage, this.#video, this.#end);
    this.element = h("div", { class: "scan" }, this.#begin, this.#stage, this.#told);
  }

  async #start() {
    // Asked once at a time: a second stream would be nobody's to end.
    if (this.#asking) return;
    this.#asking = true;
    say(this.#told, "");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 } } });
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      return say(this.#told, t(name === "NotAllowedError" ? "scan.forbidden" : "scan.none"));
    } finally {
      this.#asking = false;
    }
    this.#video.srcObject = this.#stream;
    this.#begin.hidden = true;
    this.#stage.hidden = false;
    this.#end.focus();
    say(this.#told, t("scan.looking"));
    try {
      await this.#video.play();
      this.#detector = await detector();
    } catch {
      this.stop();
      return say(this.#told, t("scan.none"));
    }
    void this.#look();
  }

  /** The camera goes off. */
  stop() {
    const open = Boolean(this.#stream);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#stage.hidden = true;
    this.#begin.hidden = false;
    say(this.#told, "");
    if (open && this.element.isConnected) this.#begin.focus();
  }

  async #look() {
    // Left, or put away: the camera does not go on behind the person's back.
    if (!this.#stream || !this.element.isConnected || document.hidden) return this.stop();
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return this.#later();
    if (this.#detector) {
      const codes = await this.#detector.detect(this.#video).catch(() => []);
      return this.#saw(codes[0]?.rawValue ?? null);
    }
    const scale = Math.min(1, LONGEST / Math.max(videoWidth, videoHeight));
    const [width, height] = [Math.floor(videoWidth * scale), Math.floor(videoHeight * scale)];
    [this.#canvas.width, this.#canvas.height] = [width, height];
    const context = this.#canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return this.stop();
    context.drawImage(this.#video, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const grey = new Uint8Array(width * height);
    for (let at = 0; at < grey.length; at += 1) {
      grey[at] = ((data[4 * at] ?? 0) * 3 + (data[4 * at + 1] ?? 0) * 6 + (data[4 * at + 2] ?? 0)) / 10;
    }
    this.#send({ type: "frame", width, grey });
  }

  /** A frame was looked at, or cannot be. @param {import("../engine.js").Report} report */
  hear(report) {
    if (report.kind !== "scanned" || !this.#stream) return;
    if (!report.failed) return this.#saw(report.text);
    this.stop();
    say(this.#told, t("scan.none"));
  }

  /** @param {string | null} text */
  #saw(text) {
    if (!this.#stream) return;
    if (!text) return this.#later();
    this.stop();
    say(this.#told, t("scan.found"));
    this.#found(text.slice(0, MOST));
  }

  #later() {
    setTimeout(() => void this.#look(), PAUSE);
  }
}

/** The browser's own reader of codes, where there is one. */
async function detector() {
  const Own = /** @type {any} */ (globalThis).BarcodeDetector;
  const formats = (await Own?.getSupportedFormats().catch(() => [])) ?? [];
  return formats.includes("qr_code") ? new Own({ formats: ["qr_code"] }) : null;
}
