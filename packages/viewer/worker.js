// The Worker of the viewer: what `www/worker.js` is to the page of Glimpse. The first message brings the verified module and the
// setting, later ones what the person did and the verified module of the reader. `cargo xtask package` puts the glue of the reader
// in the place of the line below.

import { initSync, Pump } from "./glimpse-web.js";

/* readerGlue */

/** The reader's module, once it has come. @type {WebAssembly.Module | null} */
let reader = null;

const readers = {
  /** A reader in a fresh instance: a record that breaks it breaks nothing else, and leaves with it. */
  reader(contentType, title) {
    if (!reader) return undefined;
    const bindgen = readerGlue();
    bindgen.initSync({ module: reader });
    return new bindgen.Reader(contentType, title);
  },
};

self.onmessage = ({ data }) => {
  const { wasm, setting } = data;
  initSync({ module: new WebAssembly.Module(wasm) });
  const report = (message, transfer) => self.postMessage(message, transfer ?? []);
  const { server, origin, build, program } = setting;
  const pump = new Pump(server, origin, build, program, report, readers);
  self.onmessage = ({ data }) => {
    if (data.type !== "reader") return pump.intent(JSON.stringify(data));
    if (data.wasm) reader = new WebAssembly.Module(data.wasm);
    pump.reader(data.failure);
  };
  setInterval(() => {
    pump.tick();
    report({ kind: "alive" });
  }, 250);
};

// An error that nobody catches leaves an instance that must not go on.
self.onunhandledrejection = ({ reason }) => {
  self.onmessage = null;
  setTimeout(() => {
    throw reason;
  });
};
