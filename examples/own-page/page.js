// A page of one's own around the viewer: it sends what the person did and draws what comes back, as text and nothing else.

import { Viewer } from "./viewer/index.js";

const byId = (id) => document.getElementById(id);
const server = document.querySelector("meta[name=glimpse-server]").content;

let viewer = null;

const start = async () => {
  viewer?.stop();
  viewer = await Viewer.start({ server, hear, failed: () => over("died"), program: "The example page" });
};

function hear(report) {
  if (report.kind === "snapshot") return draw(report.snapshot);
  if (report.kind === "view") byId("content").textContent = report.view.blocks.map(({ text }) => text ?? "").join("\n");
}

function draw({ screen, wait, session, over: end }) {
  document.documentElement.dataset.screen = screen;
  if (screen === "wait") byId("status").textContent = wait.words ? `Compare: ${wait.words.join(" ")}` : "One moment";
  if (screen === "session") {
    byId("status").textContent = `Lent by ${session.owner}`;
    byId("end").hidden = false;
    byId("records").replaceChildren(
      ...session.list.rows.map(({ unit, title }) => {
        const button = document.createElement("button");
        button.textContent = title;
        button.addEventListener("click", () => viewer.send({ type: "open", unit }));
        const line = document.createElement("li");
        line.append(button);
        return line;
      }),
    );
  }
  if (screen === "over") over(end.code);
}

/** Nothing that was lent stays on the page. */
function over(code) {
  viewer.stop();
  byId("records").replaceChildren();
  byId("content").textContent = "";
  byId("end").hidden = true;
  byId("status").textContent = `Over: ${code}`;
  document.documentElement.dataset.reason = code;
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  viewer.send({ type: "submit", text: byId("code").value });
  byId("code").value = "";
});
byId("end").addEventListener("click", () => viewer.send({ type: "end" }));

void start();
