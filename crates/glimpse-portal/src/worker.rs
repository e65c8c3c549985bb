//! The portal in a Worker: the browser's key store and network under it, the page above it. The viewer runs in a Worker of its
//! own beside it (`look.rs`), for one look, and with that Worker go the keys of the look and all that it opened.

use std::rc::Rc;

use glimpse_device::Local;
use glimpse_device::browser::{Fetch, Machine};
use glimpse_page::report::Reporter;
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::limits::MAX_MESSAGE;
use glimpse_wire::{AgentId, Hash, SigningKeyBytes, decode};
use js_sys::{Array, Function, JsString, Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use zeroize::Zeroize as _;

use crate::intent::Intent;
use crate::portal::{Face, Keeper, Kept, Look, NoKey, Portal};
use crate::snapshot::Snapshot;

#[wasm_bindgen]
extern "C" {
    /// The Worker's script's way to the key that the browser lets nobody have (`www/agent/worker.js`).
    #[derive(Debug)]
    pub type BrowserKeeper;

    /// `[organisation, agent, key]` in base64url and the agent's name, or `undefined`.
    #[wasm_bindgen(method)]
    fn find(this: &BrowserKeeper) -> Promise;
    /// The public key's 32 bytes.
    #[wasm_bindgen(method)]
    fn make(this: &BrowserKeeper) -> Promise;
    #[wasm_bindgen(method)]
    fn keep(this: &BrowserKeeper, organisation: String, agent: String, key: String) -> Promise;
    #[wasm_bindgen(method)]
    fn name(this: &BrowserKeeper, name: String) -> Promise;
    /// 64 bytes.
    #[wasm_bindgen(method)]
    fn sign(this: &BrowserKeeper, bytes: Vec<u8>) -> Promise;
    #[wasm_bindgen(method, js_name = setAside)]
    fn set_aside(this: &BrowserKeeper, text: String) -> Promise;
    /// Text, or `undefined`.
    #[wasm_bindgen(method)]
    fn aside(this: &BrowserKeeper) -> Promise;
    #[wasm_bindgen(method, js_name = dropAside)]
    fn drop_aside(this: &BrowserKeeper) -> Promise;
    #[wasm_bindgen(method)]
    fn forget(this: &BrowserKeeper) -> Promise;
}

#[wasm_bindgen]
extern "C" {
    /// The Worker's script's way to the Worker that looks.
    #[derive(Debug)]
    pub type BrowserLooks;

    /// One is to begin, with this.
    #[wasm_bindgen(method)]
    fn begin(this: &BrowserLooks, look: String);
    /// It is over.
    #[wasm_bindgen(method)]
    fn end(this: &BrowserLooks);
}

/// The Worker's end of the portal: `www/agent/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PortalWorker {
    portal: Portal,
}

#[wasm_bindgen]
impl PortalWorker {
    /// Looks whether this browser is enrolled, and reports it. `server` is an origin.
    ///
    /// # Errors
    /// The slug of why there is no portal here: `server` is no origin.
    #[wasm_bindgen(constructor)]
    pub fn new(server: &str, report: Function, looks: BrowserLooks, keeper: BrowserKeeper) -> Result<Self, JsValue> {
        let transport = Fetch::new(server).map_err(|_| JsValue::from_str("internal"))?;
        let face = WorkerFace { reporter: Reporter::new(report), looks };
        let spawn = Box::new(wasm_bindgen_futures::spawn_local);
        let portal = Portal::start(
            Rc::new(transport),
            Rc::new(Machine::new()),
            Box::new(InBrowser(Rc::new(keeper))),
            Box::new(face),
            spawn,
        );
        Ok(Self { portal })
    }

    /// Takes what the person did, as JSON; what is no intent of the portal's is dropped.
    pub fn intent(&self, mut json: String) {
        let intent = Intent::from_json(&json);
        // It may hold a link.
        json.zeroize();
        if let Some(intent) = intent {
            self.portal.intent(intent);
        }
    }

    /// Signs what the Worker that looks presents in the pairing: 64 bytes, or nothing.
    pub fn sign(&self, presentation: Vec<u8>) -> Promise {
        let portal = self.portal.clone();
        future_to_promise(async move {
            let signature = portal.sign(presentation).await;
            Ok(signature.map_or(JsValue::NULL, |signature| Uint8Array::from(signature.0.as_slice()).into()))
        })
    }

    /// The Worker that looks has a session, for what was asked.
    pub fn begun(&self, session: &str, asked: &[u8]) {
        if let (Ok(session), Ok(asked)) = (session.parse(), decode(asked, MAX_MESSAGE)) {
            self.portal.begun(session, asked);
        }
    }

    /// Gives up being signed in, for another window of this origin: the token, of an agent who is ready.
    #[wasm_bindgen(js_name = handOver)]
    #[must_use]
    pub fn hand_over(&self) -> Option<String> {
        self.portal.hand_over().map(|token| token.to_string())
    }

    /// Takes over from another window of this origin; the keeper has its key.
    ///
    /// # Errors
    /// The slug of why: what was handed over is no token.
    #[wasm_bindgen(js_name = takeOver)]
    pub fn take_over(&self, token: &str) -> Result<(), JsValue> {
        let token = token.parse::<Hash>().map_err(|_| JsValue::from_str("malformed"))?;
        self.portal.take_over(token);
        Ok(())
    }
}

/// The outcome was taken.
#[derive(Serialize)]
struct Noted {
    kind: &'static str,
}

struct WorkerFace {
    reporter: Reporter,
    looks: BrowserLooks,
}

impl Face for WorkerFace {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        self.reporter.snapshot(snapshot);
    }

    fn begin(&self, look: Look) {
        if let Ok(look) = serde_json::to_string(&look) {
            self.looks.begin(look);
        }
    }

    fn end(&self) {
        self.looks.end();
    }

    fn file(&self, name: &str, text: &str) {
        self.reporter.file(name, text);
    }

    fn noted(&self) {
        self.reporter.send(&Noted { kind: "noted" });
    }
}

/// The browser's own key store.
#[derive(Clone)]
struct InBrowser(Rc<BrowserKeeper>);

/// What a promise gives; a key that is not there, or that the browser forbids, is no key.
async fn given(promise: Promise) -> Result<JsValue, NoKey> {
    JsFuture::from(promise).await.map_err(|_| NoKey)
}

fn bytes<const N: usize>(value: JsValue) -> Result<[u8; N], NoKey> {
    let array: Uint8Array = value.dyn_into().map_err(|_| NoKey)?;
    array.to_vec().try_into().map_err(|_| NoKey)
}

impl Keeper for InBrowser {
    fn find(&self) -> Local<'_, Result<Option<Kept>, NoKey>> {
        Box::pin(async move {
            let found = given(self.0.find()).await?;
            if found.is_undefined() {
                return Ok(None);
            }
            let found: Array = found.dyn_into().map_err(|_| NoKey)?;
            let text = |at: u32| found.get(at).dyn_into::<JsString>().map(String::from).map_err(|_| NoKey);
            Ok(Some(Kept {
                organisation: text(0)?.parse::<SigningKeyBytes>().map_err(|_| NoKey)?,
                agent: text(1)?.parse::<AgentId>().map_err(|_| NoKey)?,
                key: text(2)?.parse::<SigningKeyBytes>().map_err(|_| NoKey)?,
                name: text(3)?,
            }))
        })
    }

    fn make(&self) -> Local<'_, Result<SigningKeyBytes, NoKey>> {
        Box::pin(async move { given(self.0.make()).await.and_then(bytes).map(SigningKeyBytes) })
    }

    fn keep(&self, kept: Kept) -> Local<'_, Result<(), NoKey>> {
        let Kept { organisation, agent, key, .. } = kept;
        Box::pin(async move {
            let kept = self.0.keep(organisation.to_string(), agent.to_string(), key.to_string());
            given(kept).await.map(drop)
        })
    }

    fn name(&self, name: String) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move { given(self.0.name(name)).await.map(drop) })
    }

    fn sign(&self, preimage: Vec<u8>) -> Local<'_, Result<SignatureBytes, NoKey>> {
        Box::pin(async move { given(self.0.sign(preimage)).await.and_then(bytes).map(SignatureBytes) })
    }

    fn set_aside(&self, text: String) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move { given(self.0.set_aside(text)).await.map(drop) })
    }

    fn aside(&self) -> Local<'_, Result<Option<String>, NoKey>> {
        Box::pin(async move { Ok(given(self.0.aside()).await?.as_string()) })
    }

    fn drop_aside(&self) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move { given(self.0.drop_aside()).await.map(drop) })
    }

    fn forget(&self) -> Local<'_, Result<(), NoKey>> {
        Box::pin(async move { given(self.0.forget()).await.map(drop) })
    }
}
