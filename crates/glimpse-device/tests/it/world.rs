//! A server, and devices with homes in a scratch folder.

use std::path::PathBuf;
use std::rc::Rc;

use glimpse_device::native::{Files, Machine, Network};
use glimpse_device::publish::NewContent;
use glimpse_device::transport::Transport;
use glimpse_device::{Device, DeviceError, Ground};
use glimpse_server::test_server::{ScratchFolder, TestServer};
use glimpse_wire::record::Meta;
use glimpse_wire::{RecordId, UnixMillis};

use crate::meddling::Meddling;

pub(crate) const PASSPHRASE: &[u8] = b"correct horse battery";

pub(crate) struct World {
    pub(crate) server: TestServer,
    pub(crate) folder: ScratchFolder,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self { server: TestServer::start().await, folder: ScratchFolder::new().unwrap() }
    }

    /// With a clock that the test moves.
    pub(crate) async fn start_at(clock: std::sync::Arc<dyn glimpse_server::Clock>) -> Self {
        Self { server: TestServer::start_with(clock, |_| {}).await, folder: ScratchFolder::new().unwrap() }
    }

    /// With other settings.
    pub(crate) async fn changed(change: impl FnOnce(&mut glimpse_server::Settings)) -> Self {
        let clock = std::sync::Arc::new(glimpse_server::SystemClock::new());
        Self { server: TestServer::start_with(clock, change).await, folder: ScratchFolder::new().unwrap() }
    }

    /// Where more happens in a minute than a person does.
    pub(crate) async fn unthrottled() -> Self {
        let clock = std::sync::Arc::new(glimpse_server::SystemClock::new());
        let server = TestServer::start_with(clock, |settings| {
            let limits = &mut settings.limits;
            for limit in [
                &mut limits.requests_per_address,
                &mut limits.sign_ins_per_address,
                &mut limits.claims_per_address,
                &mut limits.mailboxes_per_account_minute,
                &mut limits.link_mailboxes_per_address_minute,
                &mut limits.links_per_device,
                &mut limits.recoveries_per_address,
                &mut limits.mints_per_signer,
            ] {
                *limit = 100_000;
            }
        });
        Self { server: server.await, folder: ScratchFolder::new().unwrap() }
    }

    /// Copies the server's data aside, as a backup would.
    pub(crate) async fn keep_copy(&mut self) {
        self.server.stop().await;
        copy_folder(self.server.data(), &self.folder.path().join("copy-of-the-server"));
        self.server.resume().await.unwrap();
    }

    /// Puts the copy in the place of the server's data: an old backup is restored.
    pub(crate) async fn put_back(&mut self) {
        self.server.stop().await;
        std::fs::remove_dir_all(self.server.data()).unwrap();
        copy_folder(&self.folder.path().join("copy-of-the-server"), self.server.data());
        self.server.resume().await.unwrap();
    }

    pub(crate) fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn ground(&self, name: &str) -> Ground {
        Ground {
            storage: Rc::new(Files::new(self.home(name))),
            transport: Rc::new(Network::new(&self.server.url()).unwrap()),
            machine: Rc::new(Machine::new()),
        }
    }

    /// The same ground, with a network that meddles.
    pub(crate) fn meddled(&self, name: &str) -> (Ground, Rc<Meddling>) {
        let ground = self.ground(name);
        let meddling = Meddling::new(ground.transport);
        let transport: Rc<dyn Transport> = meddling.clone();
        (Ground { transport, ..ground }, meddling)
    }

    /// The device of this home, over such a network.
    pub(crate) async fn unlocked_meddled(&self, name: &str) -> (Device, Rc<Meddling>) {
        let (ground, meddling) = self.meddled(name);
        (Device::unlock(&ground, PASSPHRASE).await.unwrap(), meddling)
    }

    /// The same for an account that is founded before, over a network that does not meddle.
    pub(crate) async fn founded_meddled(&self, name: &str) -> (Device, Rc<Meddling>) {
        self.device(name).await;
        self.unlocked_meddled(name).await
    }

    pub(crate) async fn device(&self, name: &str) -> Device {
        Device::create(self.ground(name), "Mara", PASSPHRASE).await.unwrap()
    }
}

pub(crate) fn meta(title: &str) -> Meta {
    Meta {
        title: title.to_owned(),
        kind: "text".to_owned(),
        content_type: "text/plain".to_owned(),
        file_name: format!("{title}.txt"),
        tags: Vec::new(),
        length: 0,
        policy: 0,
        from: String::new(),
        created: UnixMillis(1_790_000_000_000),
    }
}

pub(crate) fn content<'c>(title: &str, bytes: &'c mut &[u8], progress: &'c mut dyn FnMut(u64)) -> NewContent<'c> {
    NewContent { meta: meta(title), length: bytes.len() as u64, content: bytes, progress }
}

pub(crate) async fn add(device: &Device, title: &str, bytes: &[u8]) -> RecordId {
    device.add(content(title, &mut &*bytes, &mut |_| {})).await.unwrap()
}

pub(crate) async fn show(device: &Device, id: &str) -> Result<Vec<u8>, DeviceError> {
    let listing = device.listing().await?;
    let opened = device.open_entries(&[listing.find(id)?]).await?;
    let mut bytes = Vec::new();
    let mut sink = |piece: &[u8]| {
        bytes.extend_from_slice(piece);
        Ok(())
    };
    device.read(&opened[0], &mut sink).await?;
    Ok(bytes)
}

/// Copies a folder with everything in it.
pub(crate) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
