//! The portal in a Worker: the browser's key store and network under it, the viewer's pump behind it, the page above it.

use core::cell::RefCell;
use core::pin::Pin;
use std::rc::Rc;

use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::Config;
use glimpse_device::Local;
use glimpse_device::browser::{Fetch, Machine};
use glimpse_page::reading::Readers;
use glimpse_page::report::Reporter;
use glimpse_web::{Desk, Pump};
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{AgentId, Hash, SessionId, SigningKeyBytes};
use js_sys::{Array, Function, JsString, Promise, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroize as _;

use crate::intent::Intent;
use crate::portal::{Face, Keeper, Kept, Look, NoKey, Portal};
use crate::snapshot::Snapshot;

#[wasm_bindgen]
extern "C" {
    /// The Worker's script's way to the key that the browser lets nobody have (`www/agent/keeper.js`).
    #[derive(Debug)]
    pub type BrowserKeeper;

    /// `[organisation, agent, key]` in base64url, or `undefined`.
    #[wasm_bindgen(method)]
    fn find(this: &BrowserKeeper) -> Promise;
    /// The public key's 32 bytes.
    #[wasm_bindgen(method)]
    fn make(this: &BrowserKeeper) -> Promise;
    #[wasm_bindgen(method)]
    fn keep(this: &BrowserKeeper, organisation: String, agent: String, key: String) -> Promise;
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

/// The Worker's end of the portal: `www/agent/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct PortalWorker {
    portal: Portal,
    pump: Rc<RefCell<Option<Pump>>>,
}

/// Where the page is and what it is: claims, as the viewer makes them.
#[derive(Clone)]
struct Place {
    server: String,
    claims: Claims,
    report: Function,
}

#[wasm_bindgen]
impl PortalWorker {
    /// Looks whether this browser is enrolled, and reports it. `server` is an origin.
    ///
    /// # Errors
    /// The slug of why there is no portal here: `server` is no origin.
    #[wasm_bindgen(constructor)]
    pub fn new(
        server: String,
        origin: String,
        build: String,
        program: String,
        report: Function,
        readers: JsValue,
        keeper: BrowserKeeper,
    ) -> Result<Self, JsValue> {
        let transport = Fetch::new(&server).map_err(|_| JsValue::from_str("internal"))?;
        let pump = Rc::new(RefCell::new(None));
        let place = Place { server, claims: Claims { origin, build, program }, report };
        let face = WorkerFace {
            reporter: Reporter::new(place.report.clone()),
            place,
            readers,
            pump: Rc::clone(&pump),
            portal: Rc::new(RefCell::new(None)),
        };
        let of_face = Rc::clone(&face.portal);
        let spawn = Box::new(wasm_bindgen_futures::spawn_local);
        let portal = Portal::start(
            Rc::new(transport),
            Rc::new(Machine::new()),
            Box::new(InBrowser(Rc::new(keeper))),
            Box::new(face),
            spawn,
        );
        of_face.replace(Some(portal.clone()));
        Ok(Self { portal, pump })
    }

    /// Takes what the person did, as JSON: the portal's, or else the viewer's.
    pub fn intent(&self, mut json: String) {
        if let Some(intent) = Intent::from_json(&json) {
            json.zeroize();
            return self.portal.intent(intent);
        }
        match self.pump.borrow().as_ref() {
            Some(pump) => pump.intent(json),
            None => json.zeroize(),
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

    /// The reader's module has come, or could not be had, for the reason with this slug.
    pub fn reader(&self, failure: Option<String>) {
        if let Some(pump) = self.pump.borrow().as_ref() {
            pump.reader(failure);
        }
    }

    /// Time went on.
    pub fn tick(&self) {
        if let Some(pump) = self.pump.borrow().as_ref() {
            pump.tick();
        }
    }
}

impl Desk for Portal {
    fn present(&self, presentation: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<SignatureBytes>>>> {
        let portal = self.clone();
        Box::pin(async move { portal.sign(presentation).await })
    }

    fn granted(&self, session: SessionId, asked: Asked) {
        self.begun(session, asked);
    }
}

/// The outcome was taken.
#[derive(Serialize)]
struct Noted {
    kind: &'static str,
}

struct WorkerFace {
    reporter: Reporter,
    place: Place,
    readers: JsValue,
    pump: Rc<RefCell<Option<Pump>>>,
    /// Signs for the viewer.
    portal: Rc<RefCell<Option<Portal>>>,
}

impl Face for WorkerFace {
    fn draw(&self, snapshot: &Snapshot<'_>) {
        self.reporter.snapshot(snapshot);
    }

    fn begin(&self, look: Look) {
        let asking = Asking { credential: Some(look.credential), case: look.case, reason: look.reason };
        let Place { server, claims, report } = self.place.clone();
        let config = Config { claims, purpose: Purpose::Agent, asking, bearer: Some(look.token) };
        let portal = self.portal.borrow().clone();
        let desk = portal.map(|portal| -> Rc<dyn Desk> { Rc::new(portal) });
        let readers: Readers = self.readers.clone().unchecked_into();
        self.pump.replace(Some(Pump::begin(config, server, report, readers, desk)));
    }

    fn end(&self) {
        self.pump.replace(None);
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
            }))
        })
    }

    fn make(&self) -> Local<'_, Result<SigningKeyBytes, NoKey>> {
        Box::pin(async move { given(self.0.make()).await.and_then(bytes).map(SigningKeyBytes) })
    }

    fn keep(&self, kept: Kept) -> Local<'_, Result<(), NoKey>> {
        let Kept { organisation, agent, key } = kept;
        Box::pin(async move {
            let kept = self.0.keep(organisation.to_string(), agent.to_string(), key.to_string());
            given(kept).await.map(drop)
        })
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
