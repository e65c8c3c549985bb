// Runs in the Worker, after wasm-bindgen's glue in the same blob. The first message brings the verified wasm and the
// setting; every later one is an intent for the view model. Keys stay in the wasm memory and die with this Worker.

/* global wasm_bindgen */

self.onmessage = ({ data }) => {
  const { wasm, setting } = data;
  wasm_bindgen.initSync({ module: new WebAssembly.Module(wasm) });
  const report = (message, transfer) => self.postMessage(message, transfer ?? []);
  const pump = new wasm_bindgen.Pump(setting, report);
  self.onmessage = ({ data }) => pump.intent(data);
  setInterval(() => pump.tick(), 250);
};
