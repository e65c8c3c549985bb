//! A report about an agent, or about whoever said to be one: a file, as the phone page writes it, for its owner to hand on.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use glimpse_core::pairing::device::Peer;
use glimpse_core::words::CheckWords;
use glimpse_device::organisations::Agent;
use glimpse_wire::SessionId;
use glimpse_wire::organisation::CredentialFault;
use serde_json::{Value, json};

use super::screen::agent::fault_word;
use crate::failure::Failure;
use crate::files::Target;

/// What this device knows of who asked. Nothing of any record is in it, and nothing secret.
#[derive(Clone, Debug)]
pub(super) struct Report(Value);

impl Report {
    /// About an agent for whom an organisation vouches.
    pub(super) fn of_agent(server: &str, session: SessionId, peer: &Peer, agent: &Agent, words: CheckWords) -> Self {
        Self(json!({
            "server": server,
            "agent": {
                "organisation": agent.organisation,
                "name": agent.name,
                "case": peer.case,
                "reason": peer.reason,
                "program": peer.program,
                "origin": peer.origin,
                "words": words.to_string(),
            },
            "organisation_key": agent.key.to_string(),
            "session": session.to_string(),
        }))
    }

    /// About somebody for whom nobody vouches.
    pub(super) fn of_nobody(server: &str, peer: &Peer, fault: CredentialFault) -> Self {
        Self(json!({
            "server": server,
            "nobody_vouches": {
                "fault": fault_word(fault),
                "case": peer.case,
                "reason": peer.reason,
                "program": peer.program,
                "origin": peer.origin,
            },
        }))
    }

    /// Writes it to a file of its own in a folder, and gives its name.
    fn write(&self, folder: &Path) -> Result<String, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.ok().and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or(0);
        let mut report = self.0.clone();
        if let Some(report) = report.as_object_mut() {
            report.insert("written".to_owned(), json!(now));
        }
        let name = format!("glimpse-report-{now}.json");
        let path = &folder.join(&name);
        let mut target = Target::begin(path, false)?;
        target.write(format!("{report:#}\n").as_bytes()).map_err(|error| Failure::output(path, &error))?;
        target.finish()?;
        Ok(name)
    }

    /// Writes it to the folder in which the command runs, and says so; or why not.
    pub(super) fn keep(&self) -> String {
        match self.write(Path::new("")) {
            Ok(name) => format!(
                "Written to {name}: who asked, for what, and when. Hand it to the organisation, to whoever runs the server, or to the police. Nothing was sent."
            ),
            Err(failure) => format!("{} {}", failure.message, failure.next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_report_is_a_file_of_its_own_with_what_was_said_and_nothing_else() {
        let peer = Peer {
            signing: glimpse_wire::SigningKeyBytes([1; 32]),
            credential: glimpse_wire::ids::Bytes(Vec::new()),
            origin: "https://desk.example".to_owned(),
            build: "b".to_owned(),
            program: "a browser".to_owned(),
            case: "4711".to_owned(),
            reason: "to \u{202E}see".to_owned(),
        };
        let folder = glimpse_server::test_server::ScratchFolder::new().unwrap();
        let report = Report::of_nobody("https://glimpse.example", &peer, CredentialFault::Unknown);
        let name = report.write(folder.path()).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(folder.path().join(&name)).unwrap()).unwrap();
        assert_eq!(written["nobody_vouches"]["fault"], "unknown-organisation");
        assert_eq!(
            (&written["nobody_vouches"]["case"], &written["server"]),
            (&json!("4711"), &json!("https://glimpse.example"))
        );
        assert!(written["written"].is_u64() && written.get("agent").is_none(), "{written}");
        // What is there is not replaced.
        let held = Report(json!({})).write(&folder.path().join("not there"));
        assert!(held.is_err());
    }
}
