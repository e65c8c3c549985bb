// Runs in the Worker of the watch, after the glue of the phone's module, which `cargo xtask pin` puts before it. The first
// message brings the verified module and the setting; later ones are what the person did, and ports to a phone. Keys stay
// in the module's memory and die with this Worker.

/* global wasm_bindgen */

/** The watch's own database: another device than the phone page of the same browser. */
const HOME = "glimpse-watch";

const report = (message, transfer) => self.postMessage(message, transfer ?? []);

self.onmessage = async ({ data }) => {
  const { wasm, setting } = data;
  // What comes before the database is open waits.
  const early = [];
  self.onmessage = ({ data }) => early.push(data);
  wasm_bindgen.initSync({ module: new WebAssembly.Module(wasm) });
  let watch;
  try {
    watch = await wasm_bindgen.WatchWorker.start(setting.server, HOME, report);
  } catch (slug) {
    if (typeof slug !== "string") throw slug;
    return report({ kind: "refused", code: slug });
  }
  const take = (message) => {
    if (message.type === "companion") return watch.companion(message.port);
    watch.intent(JSON.stringify(message));
  };
  early.forEach(take);
  self.onmessage = ({ data }) => take(data);
};

// An error that nobody catches leaves an instance that must not go on.
self.onunhandledrejection = ({ reason }) => {
  self.onmessage = null;
  setTimeout(() => {
    throw reason;
  });
};
