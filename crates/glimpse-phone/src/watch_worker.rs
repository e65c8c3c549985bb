//! The watch in a Worker: a database of its own, and a message port for the way to its phone.

use std::rc::Rc;

use glimpse_device::browser::{Database, Fetch, Machine, Port};
use glimpse_device::transport::Transport as _;
use glimpse_page::report::Reporter;
use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::MessagePort;
use zeroize::Zeroize as _;

use crate::watch::Watch;

/// The Worker's end of the watch's page: `www/watch/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WatchWorker(Watch);

#[wasm_bindgen]
impl WatchWorker {
    /// Opens the database `home` and looks whether there is an account in it. `server` is an origin, to which this Worker
    /// sends nothing by itself.
    ///
    /// # Errors
    /// The slug of why there is no watch here: the browser forbids a database, or `server` is none.
    pub async fn start(server: String, home: String, report: Function) -> Result<Self, JsValue> {
        let refused = |slug: &str| JsValue::from_str(slug);
        let storage = Database::open(&home).await.map_err(|_| refused("storage-forbidden"))?;
        // Checks the address; what is signed names it.
        let origin = Fetch::new(&server).map_err(|_| refused("internal"))?.origin().to_owned();
        let reporter = Reporter::new(report);
        let draw = Box::new(move |snapshot: &crate::watch::WatchSnapshot<'_>| reporter.snapshot(snapshot));
        let spawn = Box::new(wasm_bindgen_futures::spawn_local);
        Ok(Self(Watch::start(origin, Rc::new(storage), Rc::new(Machine::new()), draw, spawn)))
    }

    /// Takes what the person did, as JSON.
    pub fn intent(&self, mut json: String) {
        self.0.intent(&json);
        // It may hold a PIN.
        json.zeroize();
    }

    /// Goes by the phone at the other end of this port.
    pub fn companion(&self, port: MessagePort) {
        self.0.companion(Box::new(Port::new(port)));
    }
}
