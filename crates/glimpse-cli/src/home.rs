//! The home folder, and the device in it.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use glimpse_device::api::{Api, bare};
use glimpse_device::home::Home;
use glimpse_device::native::{BadOrigin, Files, Machine, Network};
use glimpse_device::transport::{Method, Transport};
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_wire::ErrorCode;

use crate::args::Shared;
use crate::failure::Failure;
use crate::out::Out;
use crate::passphrase;

/// The folder that the command line, the environment or the system's custom names.
pub(crate) fn folder(shared: &Shared) -> Result<PathBuf, Failure> {
    if let Some(home) = &shared.home {
        return Ok(home.clone());
    }
    let data = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = data.or_else(|| std::env::home_dir().map(|home| home.join(".local/share")));
    data.map(|data| data.join("glimpse"))
        .ok_or_else(|| Failure::usage("There is no home folder.", "Name one with --home DIR."))
}

/// The ground for an account on the server that the command line names.
pub(crate) fn new_ground(shared: &Shared) -> Result<Ground, Failure> {
    ground(shared, network(named_server(shared)?)?)
}

fn named_server(shared: &Shared) -> Result<&str, Failure> {
    shared.server.as_deref().ok_or_else(|| {
        Failure::usage("No server was named.", "Give --server URL, such as --server https://glimpse.example")
    })
}

/// The origin of the server that the command line names.
pub(crate) fn server_origin(shared: &Shared) -> Result<String, Failure> {
    let network = network(named_server(shared)?)?;
    Ok(network.origin().to_owned())
}

/// Nothing is in the home that a new device would take the place of.
pub(crate) async fn require_empty(shared: &Shared) -> Result<(), Failure> {
    let home = Home::new(Rc::new(Files::new(folder(shared)?)));
    match home.profile().await? {
        Some(profile) if profile.confirmed => Err(DeviceError::AccountExists.into()),
        Some(_) | None => Ok(()),
    }
}

/// Nothing is in the home that an account founded there would take the place of: no account, and no recovery that waits.
pub(crate) async fn require_unused(shared: &Shared) -> Result<(), Failure> {
    let home = Home::new(Rc::new(Files::new(folder(shared)?)));
    match home.profile().await? {
        Some(profile) if profile.confirmed => Err(DeviceError::AccountExists.into()),
        Some(profile) if profile.recovers() => Err(DeviceError::RecoveryWaits.into()),
        Some(_) | None => Ok(()),
    }
}

/// The server answers: asked before a person types what would be lost otherwise.
pub(crate) async fn reach(ground: &Ground) -> Result<(), Failure> {
    let api = Api::new(Rc::clone(&ground.transport));
    let answered = api.call(bare(Method::Get, "/v1/info".to_owned())).await;
    answered.map(drop).map_err(|error| {
        let mut failure = Failure::from(error);
        if failure.code == ErrorCode::ServerUnreachable.slug() {
            failure.next = format!("Check the connection, and that {} is its address.", ground.transport.origin());
        }
        failure
    })
}

/// The ground of the account in the home.
pub(crate) async fn known_ground(shared: &Shared) -> Result<Ground, Failure> {
    let home = Home::new(Rc::new(Files::new(folder(shared)?)));
    let profile = match home.profile().await? {
        Some(profile) if profile.confirmed => profile,
        Some(profile) if profile.recovers() => return Err(DeviceError::RecoveryWaits.into()),
        Some(_) | None => return Err(DeviceError::NoAccount.into()),
    };
    let network = match &profile.phone {
        Some(phone) => network_through(&profile.server, Path::new(phone))?,
        None => network(&profile.server)?,
    };
    ground(shared, network)
}

/// The ground of a watch that is to be linked to an account on the server that the command line names.
pub(crate) fn watch_ground(shared: &Shared, phone: &Path) -> Result<Ground, Failure> {
    ground(shared, network_through(named_server(shared)?, phone)?)
}

/// Unlocks the device in the home, asking for the passphrase.
pub(crate) async fn unlock(shared: &Shared, out: Out) -> Result<Device, Failure> {
    let ground = known_ground(shared).await?;
    let passphrase = passphrase::ask(shared.passphrase_file.as_deref(), out).await?;
    Ok(Device::unlock(&ground, &passphrase).await?)
}

/// A server that a watch does not reach, told as what it sees: the phone's socket. `phone` is where that is, for a watch.
pub(crate) fn by_phone(phone: Option<&Path>, failure: Failure) -> Failure {
    match phone {
        Some(phone) if failure.code == ErrorCode::ServerUnreachable.slug() => {
            let socket = crate::text::clean(&phone.display().to_string());
            Failure {
                message: format!("The server cannot be reached through the phone's socket {socket}."),
                next: format!("See that the phone carries, and try again. There: glimpse relay --socket {socket}"),
                ..failure
            }
        }
        Some(_) | None => failure,
    }
}

/// The same, for whatever device is in the home.
pub(crate) async fn explained(shared: &Shared, failure: Failure) -> Failure {
    let Ok(folder) = folder(shared) else { return failure };
    // What cannot be read here was told where it was needed.
    let profile = Home::new(Rc::new(Files::new(folder))).profile().await.ok().flatten();
    by_phone(profile.and_then(|profile| profile.phone).as_deref().map(Path::new), failure)
}

/// The network towards a server.
pub(crate) fn network(server: &str) -> Result<Network, Failure> {
    Network::new(server).map_err(|error| bad_origin(server, error))
}

fn network_through(server: &str, phone: &Path) -> Result<Network, Failure> {
    Network::through(server, phone).map_err(|error| bad_origin(server, error))
}

fn bad_origin(server: &str, error: BadOrigin) -> Failure {
    match error {
        BadOrigin::Malformed => Failure::usage(
            format!("{} is not the address of a server.", crate::text::clean(server)),
            "Write it as https://glimpse.example, with no path.",
        ),
        BadOrigin::Plain => Failure::usage(
            "Plain HTTP reaches this machine only: on the way to another, anyone could take your token.",
            "Write https:// instead.",
        ),
        BadOrigin::Certificates => {
            Failure::other("The system's certificates cannot be read.", "Install them (ca-certificates).")
        }
    }
}

fn ground(shared: &Shared, network: Network) -> Result<Ground, Failure> {
    Ok(Ground {
        storage: Rc::new(Files::new(folder(shared)?)),
        transport: Rc::new(network),
        machine: Rc::new(Machine::new()),
    })
}
