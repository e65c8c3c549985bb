//! The pump in a real Worker of a real browser, without a server: what it reports and what it does with nonsense.
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::cell::RefCell;
use std::rc::Rc;

use getrandom::SysRng;
use getrandom::rand_core::TryRng as _;
use glimpse_web::{Pump, Readers};
use js_sys::{Function, Object, Reflect};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// What `www/worker.js` hands over; no record is opened here.
fn no_readers() -> Readers {
    Object::new().unchecked_into()
}

/// A pump, and the last snapshot that it reported.
fn pump() -> (Pump, Rc<RefCell<Value>>) {
    let last = Rc::new(RefCell::new(Value::Null));
    let heard = Rc::clone(&last);
    let report = Closure::<dyn FnMut(JsValue)>::new(move |message: JsValue| {
        let message: Value = serde_wasm_bindgen::from_value(message).unwrap();
        *heard.borrow_mut() = message["snapshot"].clone();
    });
    let server = "http://127.0.0.1:1".to_owned();
    let report = report.into_js_value().unchecked_into::<Function>();
    (Pump::new(server.clone(), server, "b".to_owned(), "test".to_owned(), report, no_readers()), last)
}

#[wasm_bindgen_test]
fn it_starts_with_an_empty_code_field() {
    let (_pump, last) = pump();
    assert_eq!(last.borrow()["screen"], "enter");
    assert_eq!(last.borrow()["entry"]["text"], "");
}

#[wasm_bindgen_test]
fn digits_come_back_in_groups() {
    let (pump, last) = pump();
    pump.intent(json!({ "type": "typed", "text": "417203", "caret": 6, "edit": 3 }).to_string());
    assert_eq!(last.borrow()["entry"], json!({ "text": "417 203", "caret": 7, "edit": 3, "state": "partial" }));
}

#[wasm_bindgen_test]
fn nonsense_from_the_page_changes_nothing() {
    let (pump, last) = pump();
    for nonsense in [
        json!(null),
        json!(7),
        json!("end"),
        json!({}),
        json!({ "type": "open", "unit": 7 }),
        json!({ "type": "reveal" }),
    ] {
        pump.intent(nonsense.to_string());
        assert_eq!(last.borrow()["screen"], "enter", "{nonsense}");
    }
    for early in ["save", "close", "end", "more-time"] {
        pump.intent(json!({ "type": early }).to_string());
        assert_eq!(last.borrow()["screen"], "enter", "{early}");
    }
}

#[wasm_bindgen_test]
async fn a_code_without_a_server_fails_with_the_reason() {
    let (pump, last) = pump();
    for check in 0..10 {
        let text = format!("417203918{check}");
        pump.intent(json!({ "type": "submit", "text": text }).to_string());
    }
    assert_eq!(last.borrow()["wait"]["stage"], "finding");
    // The request fails at once: nothing listens on port 1. Wait for the pump by looking, bounded by the runner.
    while last.borrow()["screen"] != "over" {
        wasm_bindgen_futures::JsFuture::from(js_sys::Promise::resolve(&JsValue::NULL)).await.unwrap();
        pause().await;
        pump.tick();
    }
    assert_eq!(last.borrow()["over"], json!({ "code": "server-unreachable", "session": false }));
}

/// Lets the browser do other things for a moment.
async fn pause() {
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        let scope: web_sys::WorkerGlobalScope = js_sys::global().unchecked_into();
        scope.set_timeout_with_callback(&resolve).unwrap();
    });
    wasm_bindgen_futures::JsFuture::from(promise).await.unwrap();
}

#[wasm_bindgen_test]
fn t092_without_randomness_no_byte_is_drawn() {
    let mut drawn = [0_u8; 32];
    assert!(SysRng.try_fill_bytes(&mut drawn).is_ok());
    assert_ne!(drawn, [0; 32], "control: with the browser's randomness there are bytes");

    let crypto: Object = Reflect::get(&js_sys::global(), &"crypto".into()).unwrap().unchecked_into();
    let broken = Closure::<dyn Fn() -> Result<JsValue, JsValue>>::new(|| Err(JsValue::from_str("no randomness")));
    Reflect::set(&crypto, &"getRandomValues".into(), broken.as_ref()).unwrap();
    let mut kept = [0_u8; 32];
    let outcome = SysRng.try_fill_bytes(&mut kept);
    Reflect::delete_property(&crypto, &"getRandomValues".into()).unwrap();
    assert!(outcome.is_err());
    assert_eq!(kept, [0; 32]);
}
