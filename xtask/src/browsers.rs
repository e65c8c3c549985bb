//! Tests that are wasm themselves and run in a browser: of the viewer's pump, and of what a device stands on there, with a
//! server beside the page of the tests.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::run::{Outcome, check, counted};
use crate::test::{WASM, cargo};
use crate::tools;

/// How long the server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs all of them in Chromium, and those of the device in Firefox, too, where that is.
///
/// # Errors
///
/// Fails when the server does not start. A test that fails is in the outcome.
pub(crate) fn run(root: &Path) -> Result<Outcome> {
    let mut outcome = counted(tests(root, &["glimpse-web", "--tests"]).env_remove("GECKODRIVER"))?;
    let server = Server::start(root)?;
    let device = || {
        let mut tests = tests(root, &["glimpse-device", "--test", "browser_page", "--test", "browser_worker"]);
        tests.env("WASM_BINDGEN_TEST_ADDRESS", server.page.to_string());
        tests
    };
    outcome = outcome.plus(counted(device().env_remove("GECKODRIVER"))?);
    if let Some(tools::Firefox { driver, .. }) = tools::for_firefox(root)? {
        outcome = outcome.plus(counted(device().env_remove("CHROMEDRIVER").env("GECKODRIVER", driver))?);
    }
    Ok(outcome)
}

fn tests(root: &Path, of: &[&str]) -> Command {
    let mut tests = cargo(root);
    tests.args(["test", "--locked", "--no-fail-fast", "--target", WASM, "-p"]).args(of);
    // Argon2 without optimisation takes its time in a browser.
    tests.env("WASM_BINDGEN_TEST_TIMEOUT", "180");
    tests
}

/// A server that the tests' page may call, at the port after the page's.
#[derive(Debug)]
struct Server {
    process: Child,
    /// Where the page of the tests is served.
    page: SocketAddr,
}

impl Server {
    fn start(root: &Path) -> Result<Self> {
        let (page, address) = neighbours()?;
        let folder = root.join("target/tmp/browser-tests");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let key = folder.join("server.key");
        let server = || {
            let mut server = cargo(root);
            server.args(["run", "--locked", "--quiet", "-p", "glimpse-server", "--bin", "glimpse-server", "--"]);
            server
        };
        check(server().arg("keygen").arg(&key))?;
        let mut serve = server();
        serve.args(["serve", "--listen", &address.to_string(), "--key-file"]).arg(&key);
        serve.arg("--data").arg(folder.join("data"));
        serve.args(["--set", &format!("public_origins=http://{address}")]);
        serve.args(["--set", &format!("allow_origins=http://{page}")]);
        serve.stdout(Stdio::null()).stderr(fs::File::create(folder.join("log"))?);
        let mut server = Self { process: serve.spawn().context("glimpse-server")?, page };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = server.process.try_wait()?;
            ensure!(ended.is_none(), "glimpse-server: {}", fs::read_to_string(folder.join("log"))?);
            if start.elapsed() > PATIENCE {
                bail!("glimpse-server does not listen within {} s", PATIENCE.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that ended by itself is reported by the tests that miss it.
        let _killed = self.process.kill();
        let _waited = self.process.wait();
    }
}

/// Two free ports, one after the other.
fn neighbours() -> Result<(SocketAddr, SocketAddr)> {
    for _ in 0..100 {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let page = first.local_addr()?;
        let Some(next) = page.port().checked_add(1) else { continue };
        if let Ok(second) = TcpListener::bind((Ipv4Addr::LOCALHOST, next)) {
            return Ok((page, second.local_addr()?));
        }
    }
    bail!("no two free ports, one after the other")
}
