// Runs in both Workers of the agents' portal, after the glue of its wasm modules, which `cargo xtask pin` puts before it: the desk's,
// and beside it the one that looks, which begins with a case and ends with the look, and all that it held ends with it. The first
// message brings the verified module of the portal and the setting; later ones are what the person did.

/* global wasm_bindgen, readerGlue */

/** The one thing that the portal keeps in this browser: who it is enrolled for, and a key that nobody can take out of it. */
const DATABASE = "glimpse-agent";
const KEYS = "keys";
const ONE = "agent";
/** Beside it, while the agent signs in at the organisation's identity provider: for which challenge. */
const ASIDE = "aside";

const open = () =>
  new Promise((done, failed) => {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(KEYS);
    opening.onsuccess = () => done(opening.result);
    opening.onerror = () => failed(opening.error);
    opening.onblocked = () => failed(new Error("blocked"));
  });

/** Runs one request on the store, and waits until what it did is on disk. */
const stored = async (mode, act) => {
  const database = await open();
  try {
    const transaction = database.transaction(KEYS, mode, { durability: "strict" });
    const request = act(transaction.objectStore(KEYS));
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onerror = transaction.onabort = () => failed(transaction.error);
    });
    return request.result;
  } finally {
    database.close();
  }
};

/** A pair that was made and not kept yet. @type {CryptoKeyPair | null} */
let made = null;

const keeper = {
  async find() {
    const kept = await stored("readonly", (keys) => keys.get(ONE));
    return kept ? [kept.organisation, kept.agent, kept.key, kept.name ?? ""] : undefined;
  },
  async make() {
    made = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    return new Uint8Array(await crypto.subtle.exportKey("raw", made.publicKey));
  },
  async keep(organisation, agent, key) {
    const signing = made?.privateKey;
    if (!signing) throw new Error("no key was made");
    await stored("readwrite", (keys) => keys.put({ organisation, agent, key, signing }, ONE));
    made = null;
  },
  /** The name beside the key that is there: whoever opens another link here reads it. */
  async name(name) {
    const kept = await stored("readonly", (keys) => keys.get(ONE));
    if (kept) await stored("readwrite", (keys) => keys.put({ ...kept, name }, ONE));
  },
  async sign(bytes) {
    const kept = await stored("readonly", (keys) => keys.get(ONE));
    if (!kept) throw new Error("no key is kept");
    return new Uint8Array(await crypto.subtle.sign("Ed25519", kept.signing, bytes));
  },
  async setAside(text) {
    await stored("readwrite", (keys) => keys.put(text, ASIDE));
  },
  async aside() {
    return stored("readonly", (keys) => keys.get(ASIDE));
  },
  async dropAside() {
    await stored("readwrite", (keys) => keys.delete(ASIDE));
  },
  async forget() {
    made = null;
    await stored("readwrite", (keys) => keys.clear());
  },
};

/** In a frame: what a window of this origin handed over. Nothing of it is stored. @type {Record<string, any> | null} */
let held = null;

const holder = {
  async find() {
    return held ? [held.organisation, held.agent, held.key, held.name ?? ""] : undefined;
  },
  async make() {
    throw new Error("a frame makes no key");
  },
  async keep() {
    throw new Error("a frame keeps no key");
  },
  async name() {
    // The window has it.
  },
  async sign(bytes) {
    if (!held) throw new Error("nothing was handed over");
    return new Uint8Array(await crypto.subtle.sign("Ed25519", held.signing, bytes));
  },
  async forget() {
    held = null;
  },
};

/** The other Worker: that of the frame, or that of the window in which its agent signs in. @type {MessagePort | null} */
let other = null;

/** In the frame: takes over, once. */
const takeOver = (portal) => {
  other.onmessage = ({ data }) => {
    other?.close();
    other = null;
    if (typeof data?.token !== "string" || !(data.signing instanceof CryptoKey)) return;
    held = data;
    portal.takeOver(data.token);
  };
};

/** In the window: being signed in goes to the frame, with a key that it can use and not read. */
const handOver = async (portal, report) => {
  const kept = await stored("readonly", (keys) => keys.get(ONE));
  const port = other;
  const token = kept && port ? portal.handOver() : undefined;
  if (!token) return;
  other = null;
  port.postMessage({ ...kept, token });
  report({ kind: "handed" });
};

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

/** In the Worker of the desk: what the next look begins with, until the Worker that looks is there. */
let asked = "";
/** And the way to that Worker. @type {MessagePort | null} */
let viewer = null;

const looks = (report) => ({
  begin(look) {
    asked = look;
    report({ kind: "begin" });
  },
  end() {
    asked = "";
    viewer?.close();
    viewer = null;
  },
});

/** A Worker that looks is there: it is told for what, has one presentation signed, and says what was granted. */
const welcome = (portal, port) => {
  viewer?.close();
  viewer = port;
  port.onmessage = async ({ data: { presentation, session, granted } }) => {
    if (presentation) port.postMessage({ signature: await portal.sign(presentation).catch(() => null) });
    else portal.begun(session, granted);
  };
  if (asked) port.postMessage({ look: asked });
  asked = "";
};

/** The desk. No code, key of a session or record ever comes here. */
const beginDesk = ({ server, framed }, report) => {
  const tell = (message, transfer) => {
    // Signed out, by whoever was there or because nobody was: the frame keeps nothing of it.
    if (message.snapshot?.agent?.stage === "signed-out") held = null;
    report(message, transfer);
  };
  const portal = new wasm_bindgen.PortalWorker(server, tell, looks(report), framed ? holder : keeper);
  self.onmessage = ({ data }) => {
    if (data.type === "viewer") return welcome(portal, data.port);
    if (data.type === "port") {
      other?.close();
      other = data.port;
      return framed ? takeOver(portal) : undefined;
    }
    if (data.type === "hand-over") return void handOver(portal, report);
    portal.intent(JSON.stringify(data));
  };
};

/** The viewer of one look, which lives as long as that. */
const beginViewer = ({ server, origin, build, program }, report) => {
  let pump = null;
  const take = (port) => {
    let signed = null;
    const desk = {
      present(presentation) {
        port.postMessage({ presentation });
        return new Promise((done) => (signed = done));
      },
      granted: (session, granted) => port.postMessage({ session, granted }),
    };
    port.onmessage = ({ data }) => {
      if (data.look) pump ??= wasm_bindgen.beginLook(server, origin, build, program, report, readers, desk, data.look);
      else signed?.(data.signature);
    };
  };
  self.onmessage = ({ data }) => {
    if (data.type === "desk") return take(data.port);
    if (data.type !== "reader") return pump?.intent(JSON.stringify(data));
    if (data.wasm) reader = new WebAssembly.Module(data.wasm);
    pump?.reader(data.failure);
  };
  setInterval(() => pump?.tick(), 250);
};

self.onmessage = ({ data }) => {
  const { wasm, setting } = data;
  wasm_bindgen.initSync({ module: new WebAssembly.Module(wasm) });
  const report = (message, transfer) => self.postMessage(message, transfer ?? []);
  (setting.looks ? beginViewer : beginDesk)(setting, report);
  setInterval(() => report({ kind: "alive" }), 250);
};

// An error that nobody catches leaves an instance that must not go on. The page hears of those in event handlers by
// itself; one inside a promise would be silent.
self.onunhandledrejection = ({ reason }) => {
  self.onmessage = null;
  setTimeout(() => {
    throw reason;
  });
};
