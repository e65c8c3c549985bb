//! The viewer of one look, in a Worker of its own: the desk is in another one, which has the agent's key and never a session's.

use core::pin::Pin;
use std::rc::Rc;

use glimpse_core::pairing::viewer::{Asking, Claims};
use glimpse_core::viewer::Config;
use glimpse_page::reading::Readers;
use glimpse_web::{Desk, Pump};
use glimpse_wire::ids::SignatureBytes;
use glimpse_wire::organisation::Asked;
use glimpse_wire::pairing::Purpose;
use glimpse_wire::{SessionId, encode};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::portal::Look;

#[wasm_bindgen]
extern "C" {
    /// The Worker's script's way to the Worker of the desk.
    #[derive(Debug)]
    pub type BrowserDesk;

    /// 64 bytes, or `null`.
    #[wasm_bindgen(method)]
    fn present(this: &BrowserDesk, presentation: Vec<u8>) -> Promise;
    #[wasm_bindgen(method)]
    fn granted(this: &BrowserDesk, session: String, asked: Vec<u8>);
}

/// Begins the viewer of one look, which the desk has asked for.
///
/// # Errors
/// The slug of why: what the desk said is none.
#[expect(
    clippy::too_many_arguments,
    reason = "what the Worker's script has, one by one: a value of JavaScript would be a type of its own"
)]
#[wasm_bindgen(js_name = beginLook)]
pub fn begin_look(
    server: String,
    origin: String,
    build: String,
    program: String,
    report: Function,
    readers: Readers,
    desk: BrowserDesk,
    look: &str,
) -> Result<Pump, JsValue> {
    let Look { credential, token, case, reason } =
        serde_json::from_str(look).map_err(|_| JsValue::from_str("internal"))?;
    let asking = Asking { credential: Some(credential.into()), case, reason };
    let claims = Claims { origin, build, program };
    let config = Config { claims, purpose: Purpose::Agent, asking, bearer: Some(token) };
    Ok(Pump::begin(config, server, report, readers, Some(Rc::new(Beside(Rc::new(desk))))))
}

/// The desk, from here.
#[derive(Debug)]
struct Beside(Rc<BrowserDesk>);

impl Desk for Beside {
    fn present(&self, presentation: Vec<u8>) -> Pin<Box<dyn Future<Output = Option<SignatureBytes>>>> {
        let desk = Rc::clone(&self.0);
        Box::pin(async move {
            let signature: Uint8Array = JsFuture::from(desk.present(presentation)).await.ok()?.dyn_into().ok()?;
            signature.to_vec().try_into().ok().map(SignatureBytes)
        })
    }

    fn granted(&self, session: SessionId, asked: Asked) {
        self.0.granted(session.to_string(), encode(&asked));
    }
}
