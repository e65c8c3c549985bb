//! The pump: carries bytes between the viewer, the network and the page. It decides nothing; what it cannot carry it
//! reports as a failure.

use js_sys::Function;
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use web_sys::WorkerGlobalScope;

use crate::model::{Command, Intent, Millis, Model};

/// What the page tells once, at the start.
#[derive(Debug, Deserialize)]
struct Setting {
    /// Origin of the server, `https://glimpse.example`.
    server: String,
    /// Where this page says it comes from; a claim.
    origin: String,
    /// The build that this page says it is; a claim.
    build: String,
    /// The browser and system that this page says it runs in; a claim.
    program: String,
}

/// The Worker's end of the page: `www/worker.js` makes one and feeds it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Pump {
    model: Model,
    setting: Setting,
    report: Function,
}

#[wasm_bindgen]
impl Pump {
    /// Starts with an empty code field, and reports it.
    ///
    /// # Errors
    ///
    /// Fails when the page's setting is not one.
    #[wasm_bindgen(constructor)]
    pub fn new(setting: JsValue, report: Function) -> Result<Self, JsError> {
        let setting: Setting = serde_wasm_bindgen::from_value(setting)?;
        let pump = Self { model: Model::default(), setting, report };
        pump.draw();
        Ok(pump)
    }

    /// Takes what the person did. What is no intent is dropped: the page is not trusted to be well formed.
    pub fn intent(&mut self, intent: JsValue) {
        let Ok(intent) = serde_wasm_bindgen::from_value::<Intent>(intent) else { return };
        for command in self.model.intent(intent, now()) {
            self.carry_out(command);
        }
        self.draw();
    }

    /// Time went on.
    pub fn tick(&mut self) {
        self.model.tick(now());
        self.draw();
    }
}

impl Pump {
    fn carry_out(&mut self, _command: Command) {
        let _ = &self.setting;
    }

    fn draw(&self) {
        #[derive(Serialize)]
        struct Report<'a> {
            kind: &'static str,
            snapshot: crate::model::Snapshot<'a>,
        }
        let report = Report { kind: "snapshot", snapshot: self.model.snapshot(now()) };
        if let Ok(value) = report.serialize(&serde_wasm_bindgen::Serializer::json_compatible()) {
            // A page that threw an error while drawing is not the Worker's to mend.
            let _ = self.report.call1(&JsValue::NULL, &value);
        }
    }
}

/// Milliseconds since the Worker started, by a clock that only goes forward.
fn now() -> Millis {
    let scope: WorkerGlobalScope = js_sys::global().unchecked_into();
    let millis = scope.performance().map_or(0.0, |performance| performance.now());
    // Finite and not negative by the High Resolution Time standard, and far below 2^53.
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    let millis = millis as Millis;
    millis
}
