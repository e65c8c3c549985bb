//! `glimpse relay`: carries bytes between a watch and the server, and knows nothing of them.

use std::path::Path;
use std::rc::Rc;

use futures_util::future::{Either, select};
use glimpse_device::home::Home;
use glimpse_device::native::{Files, Relay};

use crate::args::Shared;
use crate::failure::Failure;
use crate::home::{folder, network};
use crate::interrupt;
use crate::out::Out;
use crate::text::clean;

pub(super) async fn run(shared: &Shared, socket: &Path, out: Out) -> Result<u8, Failure> {
    // The home tells the server; no key is needed to carry.
    let server = match &shared.server {
        Some(server) => server.clone(),
        None => {
            let home = Home::new(Rc::new(Files::new(folder(shared)?)));
            home.profile().await?.ok_or(glimpse_device::DeviceError::NoAccount)?.server
        }
    };
    // Says what is wrong with an address, and in good time.
    let _checked = network(&server)?;
    let relay = Relay::listen(socket, &server).await.map_err(|error| Failure::output(socket, &error))?;
    out.event(&serde_json::json!({ "event": "relay", "socket": socket, "server": server }))?;
    out.note(&format!(
        "Carrying between {} and {}. Ctrl-C stops.",
        clean(&socket.display().to_string()),
        clean(&server)
    ));
    let _attending = interrupt::attend();
    let carrying = relay.run(|| {});
    futures_util::pin_mut!(carrying);
    match select(carrying, std::pin::pin!(interrupt::asked())).await {
        Either::Left((failed, _)) => failed.map_err(|error| Failure::output(socket, &error))?,
        Either::Right(((), _)) => {}
    }
    Ok(0)
}
