// Runs in the Worker of the phone page, after the glue of its wasm modules, which `cargo xtask pin` puts before it. The
// first message brings the verified module of the phone and the setting; later ones are what the person did. Keys stay in
// the phone's memory and die with this Worker.

/* global wasm_bindgen, readerGlue, scannerGlue */

/** The database with the keys, sealed, and what is known without asking. */
const HOME = "glimpse";

/** The reader's module, once it has come. @type {WebAssembly.Module | null} */
let reader = null;

/** A fresh instance: content that breaks it breaks nothing else, and leaves with it. */
const fresh = () => {
  const bindgen = readerGlue();
  bindgen.initSync({ module: reader });
  return bindgen;
};

const readers = {
  reader: (contentType, title) => (reader ? new (fresh().Reader)(contentType, title) : undefined),
  look: (name, beginning) => (reader ? fresh().look(name, beginning) : undefined),
  fields: (contentType, title, content) => (reader ? fresh().name_fields(contentType, title, content) : undefined),
  cut: (contentType, title, content, pointers) => (reader ? fresh().cut_fields(contentType, title, content, pointers) : undefined),
};

/** The scanner's module, once it has come. @type {WebAssembly.Module | null} */
let scanning = null;
/** An instance that looks for codes in the frames of a camera; it has its own memory, and no key. */
let scanner = null;
const freshScanner = () => {
  const bindgen = scannerGlue();
  bindgen.initSync({ module: scanning });
  return bindgen;
};
const scan = ({ width, grey }) => {
  let text = null;
  try {
    if (scanning) text = (scanner ??= freshScanner()).scan_frame(width, grey) ?? null;
  } catch {
    // A frame that breaks it: another one is made for the next.
    scanner = null;
  }
  report({ kind: "scanned", text });
};

const report = (message, transfer) => self.postMessage(message, transfer ?? []);

self.onmessage = async ({ data }) => {
  const { wasm, setting } = data;
  // What comes before the database is open waits.
  const early = [];
  self.onmessage = ({ data }) => early.push(data);
  wasm_bindgen.initSync({ module: new WebAssembly.Module(wasm) });
  let phone;
  try {
    phone = await wasm_bindgen.PhoneWorker.start(setting.server, HOME, report, readers);
  } catch (slug) {
    if (typeof slug !== "string") throw slug;
    return report({ kind: "refused", code: slug });
  }
  const take = (message) => {
    if (message.type === "companion") return phone.carry(message.port);
    if (message.type === "add") return phone.add(JSON.stringify(message.told), message.file);
    if (message.type === "keyed") {
      const secret = new Uint8Array(message.secret);
      phone.keyed(JSON.stringify(message.told), secret);
      return secret.fill(0);
    }
    if (message.type === "frame") return scan(message);
    if (message.type === "scanner") {
      if (message.wasm) scanning = new WebAssembly.Module(message.wasm);
      else report({ kind: "scanned", text: null, failed: true });
      return;
    }
    if (message.type !== "reader") return phone.intent(JSON.stringify(message));
    if (message.wasm) reader = new WebAssembly.Module(message.wasm);
    phone.reader(message.failure);
  };
  early.forEach(take);
  self.onmessage = ({ data }) => take(data);
};

// An error that nobody catches leaves an instance that must not go on. The page hears of those in event handlers by
// itself; one inside a promise would be silent.
self.onunhandledrejection = ({ reason }) => {
  self.onmessage = null;
  setTimeout(() => {
    throw reason;
  });
};
