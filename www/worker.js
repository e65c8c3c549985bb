// Runs in the Worker, after the glue of both wasm modules, which `cargo xtask pin` puts before it. The first message
// brings the verified module of the viewer and the setting; later ones are intents for the view model, and the verified
// module of the reader. Keys stay in the viewer's memory and die with this Worker.

/* global wasm_bindgen, readerGlue */

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
  wasm_bindgen.initSync({ module: new WebAssembly.Module(wasm) });
  const report = (message, transfer) => self.postMessage(message, transfer ?? []);
  const { server, origin, build, program } = setting;
  const pump = new wasm_bindgen.Pump(server, origin, build, program, report, readers);
  self.onmessage = ({ data }) => {
    if (data.type !== "reader") return pump.intent(JSON.stringify(data));
    if (data.wasm) reader = new WebAssembly.Module(data.wasm);
    pump.reader(data.failure);
  };
  setInterval(() => pump.tick(), 250);
};

// An error that nobody catches leaves an instance that must not go on. The page hears of those in event handlers by
// itself; one inside a promise would be silent.
self.onunhandledrejection = ({ reason }) => {
  self.onmessage = null;
  setTimeout(() => {
    throw reason;
  });
};
