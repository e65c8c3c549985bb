//! The command `glimpse-server`.
#![forbid(unsafe_code)]

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use glimpse_server::{BackupPlan, KeyFile, LogFormat, PushKey, Settings, SystemClock};
use tracing_subscriber::EnvFilter;

type Failure = Box<dyn std::error::Error>;

/// The blind Glimpse server. Settings: defaults < TOML file < environment (GLIMPSE_…) < flags.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Serve until SIGTERM or Ctrl-C, then drain.
    Serve(Flags),
    /// Bring the databases to this version's schema, then stop. `serve` does so as well.
    Migrate(Flags),
    /// Ask a running server whether it is ready; exit 0 if so.
    Healthcheck(Flags),
    /// Read the settings, the key file, the certificate and the site, say what is wrong, and start nothing.
    CheckConfig(Flags),
    /// Copy the data while the server runs: main.db and blobs/, and shares.db apart. Never sessions, never the key file.
    Backup {
        #[command(flatten)]
        flags: Flags,
        /// Where the copy of main.db and blobs/ goes, as a folder named by the time.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
        /// Where the copy of shares.db goes: elsewhere. How long copies stay there is how long a deletion takes to reach them.
        #[arg(long, value_name = "FOLDER")]
        shares_to: PathBuf,
        /// How many copies stay in --to.
        #[arg(long, default_value_t = 7, value_name = "COUNT")]
        keep: usize,
        /// How many copies stay in --shares-to.
        #[arg(long, default_value_t = 1, value_name = "COUNT")]
        keep_shares: usize,
    },
    /// Restore a backup into the data folder, which must be empty.
    Restore {
        #[command(flatten)]
        flags: Flags,
        /// One folder that `backup --to` made.
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// One folder that `backup --shares-to` made: the newest, whatever the age of the other.
        #[arg(long, value_name = "FOLDER")]
        shares_from: PathBuf,
    },
    /// Go on with the signing key that is in the data folder, or with a new one where it is lost, though devices and
    /// organisations know this server by another: they will believe no deletion that it signs. The server must be stopped.
    AcceptSigningKey(Flags),
    /// Write a fresh server key file, readable by its owner alone.
    Keygen {
        /// Where; never overwritten, and never inside the data folder.
        file: PathBuf,
    },
    /// Write a fresh key for Web Push, readable by its owner alone. Every device subscribes anew after a change of it.
    PushKey {
        /// Where; never overwritten, and never inside the data folder.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Flags {
    /// A settings file in TOML.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address and port of API and site.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Address and port of metrics.
    #[arg(long)]
    metrics_listen: Option<SocketAddr>,
    /// The data folder.
    #[arg(long)]
    data: Option<String>,
    /// The server key file, outside the data folder.
    #[arg(long)]
    key_file: Option<String>,
    /// The static build to serve.
    #[arg(long)]
    site: Option<String>,
    /// Certificate chain in PEM.
    #[arg(long, requires = "tls_key")]
    tls_cert: Option<String>,
    /// Private key in PEM.
    #[arg(long, requires = "tls_cert")]
    tls_key: Option<String>,
    /// Origins whose pages may call the API, separated by commas.
    #[arg(long)]
    allow_origins: Option<String>,
    /// `json` or `text`.
    #[arg(long)]
    log_format: Option<String>,
    /// Any other setting, for example `--set limits.idle_seconds=300`.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Flags {
    fn settings(&self) -> Result<Settings, Failure> {
        let named = [
            ("listen", self.listen.map(|address| address.to_string())),
            ("metrics_listen", self.metrics_listen.map(|address| address.to_string())),
            ("data", self.data.clone()),
            ("key_file", self.key_file.clone()),
            ("site", self.site.clone()),
            ("tls_cert", self.tls_cert.clone()),
            ("tls_key", self.tls_key.clone()),
            ("allow_origins", self.allow_origins.clone()),
            ("log_format", self.log_format.clone()),
        ];
        let mut overrides = self.set.clone();
        overrides.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        Ok(Settings::load(self.config.as_deref(), std::env::vars(), &overrides)?)
    }
}

fn main() -> ExitCode {
    let command = Command::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(command.act)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The one line for a person whose server did not start; there may be no log to read.
            let _ = writeln!(std::io::stderr(), "glimpse-server: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(act: Act) -> Result<(), Failure> {
    match act {
        Act::Serve(flags) => serve(flags.settings()?).await,
        Act::Migrate(flags) => Ok(glimpse_server::migrate(&flags.settings()?).await?),
        Act::Healthcheck(flags) => Ok(glimpse_server::healthcheck(&flags.settings()?).await?),
        Act::CheckConfig(flags) => {
            glimpse_server::check(&flags.settings()?)?;
            say("the settings can be used")
        }
        Act::Backup { flags, to, shares_to, keep, keep_shares } => {
            backup(&flags.settings()?, &BackupPlan { to, shares_to, keep, keep_shares }).await
        }
        Act::Restore { flags, from, shares_from } => restore(&flags.settings()?, &from, &shares_from).await,
        Act::AcceptSigningKey(flags) => accept_signing_key(flags.settings()?).await,
        Act::Keygen { file } => keygen(&file),
        Act::PushKey { file } => push_key(&file),
    }
}

async fn backup(settings: &Settings, plan: &BackupPlan) -> Result<(), Failure> {
    let made = glimpse_server::backup(settings, plan, &SystemClock::new()).await?;
    say(&format!("{}: main.db and {} blobs", made.main.display(), made.blobs))?;
    if made.deleted > 0 {
        say(&format!("{} blobs were deleted meanwhile", made.deleted))?;
    }
    say(&format!("{}: shares.db; keep it apart, and briefly", made.shares.display()))
}

async fn restore(settings: &Settings, from: &Path, shares_from: &Path) -> Result<(), Failure> {
    let restored = glimpse_server::restore(settings, from, shares_from).await?;
    say(&format!("{} records can be opened", restored.records))?;
    if !restored.lost.is_empty() {
        say(&format!(
            "{} records are gone for good: they were deleted or replaced after main.db was copied, or published after \
             shares.db was; their devices will say which",
            restored.lost.len()
        ))?;
    }
    if restored.shares_made < restored.main_made {
        say("shares.db was copied before main.db: what was published in between cannot be opened")?;
    }
    say(
        "restored; the server can start, with its key file, and with its file signing-key put back into the data folder",
    )
}

async fn accept_signing_key(settings: Settings) -> Result<(), Failure> {
    log(&settings)?;
    let accepted = glimpse_server::accept_signing_key(&settings, &SystemClock::new()).await?;
    say(&match accepted.before {
        Some(before) if before == accepted.key => format!("nothing changed: this server is known by the key {before}"),
        Some(before) => format!(
            "the server signs with {} from now on. Devices and organisations that met {before} believe no deletion by it; \
             copy the file signing-key apart from the data",
            accepted.key
        ),
        None => format!("the server signs with {}; copy the file signing-key apart from the data", accepted.key),
    })
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    log(&settings)?;
    let server = glimpse_server::start(settings, Arc::new(SystemClock::new())).await?;
    tracing::info!(address = %server.address(), "serving");
    end_of_service().await?;
    tracing::info!("draining");
    server.stop().await;
    Ok(())
}

/// SIGTERM from a supervisor, or Ctrl-C from a person.
async fn end_of_service() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

fn log(settings: &Settings) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&settings.log_level)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
    }
    .map_err(|error| -> Failure { error })
}

fn keygen(file: &Path) -> Result<(), Failure> {
    KeyFile::generate(file).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    say("written; back it up apart from the data folder: without it no record can be opened")
}

fn push_key(file: &Path) -> Result<(), Failure> {
    PushKey::generate(file).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    say("written; name it in push_key_file, and whom push providers may write to in push_contact")
}

fn say(line: &str) -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
