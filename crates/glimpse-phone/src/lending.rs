//! Lending on the screen: the code, who is there, the session as it is used, its end.

mod agent;
mod own;
mod running;
mod stage;

use futures_channel::mpsc::{UnboundedSender, unbounded};
use glimpse_core::record::OpenedVersion;
use glimpse_device::Device;
use glimpse_device::lend::{Command, Ending, Event, Plan, Withheld};
use glimpse_device::listing::Entry;
use glimpse_page::announce::Announcement;
use glimpse_wire::{ErrorCode, RecordId};
use serde::Serialize;

pub use self::agent::Whom;
use self::agent::{AgentView, MAX_TITLES};
use self::own::OwnView;
use self::running::Ran;
pub(crate) use self::stage::LendingView;
use self::stage::Stage;
use crate::inbox::Named;
use crate::organisations::{MAX_NAME, clip};
use crate::phone::Phone;
use crate::state::{Place, State};
use crate::trouble::Trouble;
use crate::withholding::{Chosen, Withholding};

const MINUTE: u64 = 60 * 1_000;

/// What the person does about a code or a session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Approve(String),
    /// For so many minutes.
    ApproveAgent(u32),
    Decline,
    Cancel,
    /// Another code for the same.
    Renew,
    /// Minutes more.
    Extend(u32),
    /// Minutes from now.
    Shorten(u32),
    /// So many openings more.
    Allow(u32),
    /// The ticked records on top.
    More,
    Refuse,
    End,
    /// The same to another agent, after this session.
    HandOver,
}

/// What the person wants to lend; kept, so that another code can be had for the same.
#[derive(Clone, Debug)]
struct Wish {
    to: Whom,
    records: Vec<RecordId>,
    save: bool,
    minutes: u32,
    /// Fields that are cut out first.
    withheld: Chosen,
}

/// What was wished beside the records, while these are looked at again before they are lent.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Resumed {
    to: Whom,
    save: bool,
    minutes: u32,
}

/// One lending, from the wish to its end.
#[derive(Debug)]
pub(crate) struct Lending {
    wish: Wish,
    commands: UnboundedSender<Command>,
    stage: Stage,
    /// The agent, once an organisation has vouched for them.
    agent: Option<AgentView>,
    /// What a screen of the person's own says of itself, once it has proved the code.
    own: Option<OwnView>,
    /// What the newest of the records are called.
    titles: Vec<String>,
    /// Fields that are cut out of them: with those that go along with what was chosen.
    withheld: u32,
    /// Somebody else tried the code, and was refused.
    crowded: bool,
    /// Counts lendings: what an earlier one still says is dropped.
    turn: u32,
    /// Why it is broken off from here, if it is.
    parting: Option<Parting>,
}

/// Why a lending is broken off from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parting {
    /// The person wants no more of it.
    Left,
    /// The person wants another code for the same.
    Renewed,
    /// Another agent is to get the same.
    HandedOver,
    /// The page left the screen: the code may have been seen by anybody, and nobody can answer.
    OutOfSight,
}

impl State {
    fn lending(&mut self, turn: u32) -> Option<&mut Lending> {
        self.lending.as_mut().filter(|lending| lending.turn == turn)
    }

    /// What comes after it is chosen from the beginning.
    fn leave_lending(&mut self) {
        self.lending = None;
        self.withholding = Withholding::default();
        self.list.choose_all(false);
    }
}

impl Phone {
    /// Asks for a code for the ticked records, newest first.
    pub(crate) fn lend(&self, to: Whom, save: bool, minutes: u32) {
        if to == Whom::Agent && self.look(|state| state.organisations.agents() != "some") {
            return self.change(|state| state.failed(Trouble::new("no-organisation")));
        }
        let chosen = self.look(|state| state.list.chosen().to_vec());
        let records = self.in_order(&chosen);
        if !records.is_empty() {
            let withheld = self.look(|state| state.withholding.of(&records));
            self.start_lending(Wish { to, records, save, minutes, withheld });
        }
    }

    pub(crate) fn lend_again(&self) {
        let over = self.look(|state| {
            let lending = state.lending.as_ref().filter(|lending| !lending.is_live());
            lending.map(|lending| (lending.wish.clone(), state.withholding.changed(&lending.wish.records)))
        });
        match over {
            Some((wish, Some(changed))) => self.choose_again(wish, changed),
            Some((wish, None)) => self.start_lending(wish),
            // The code that stands there is burnt first.
            None => self.act(Act::Renew),
        }
    }

    /// Of this record another version came since its fields were chosen: they are looked at again, before anything is lent.
    fn choose_again(&self, wish: Wish, changed: RecordId) {
        self.change(|state| {
            state.lending = None;
            // To whom, and for how long, was not what another version puts in question.
            state.resumed = Some(Resumed { to: wish.to, save: wish.save, minutes: wish.minutes });
            state.list.choose_all(false);
            for record in wish.records {
                state.list.choose(record, true);
            }
            state.withholding.resume(wish.withheld);
        });
        self.show_fields(changed);
    }

    /// These records, which come in the order of their ids, in the order of the list.
    fn in_order(&self, chosen: &[RecordId]) -> Vec<RecordId> {
        let listing = self.0.listing.borrow();
        listing
            .newest_first()
            .into_iter()
            .map(|entry| entry.record)
            .filter(|record| chosen.binary_search(record).is_ok())
            .collect()
    }

    fn start_lending(&self, wish: Wish) {
        let Some(device) = self.device() else { return };
        // One at a time: a second would need a second screen.
        if self.look(|state| state.lending.as_ref().is_some_and(Lending::is_live)) {
            return;
        }
        let (commands, mut heard) = unbounded();
        let titles = self.titles(&wish.records);
        let turn = self.change(|state| {
            let turn = state.lending.as_ref().map_or(0, |lending| lending.turn).wrapping_add(1);
            let stage = Stage::Starting;
            let wish = wish.clone();
            state.resumed = None;
            state.lending = Some(Lending {
                wish,
                commands,
                stage,
                agent: None,
                own: None,
                titles,
                withheld: 0,
                crowded: false,
                turn,
                parting: None,
            });
            turn
        });
        self.run(|phone| async move {
            let plan = phone.plan(&device, &wish).await;
            let ended = match plan {
                Ok(plan) => {
                    let withheld = plan.withheld.iter().map(Withheld::fields).fold(0, u32::saturating_add);
                    phone.change(|state| {
                        if let Some(lending) = state.lending(turn) {
                            lending.withheld = withheld;
                        }
                    });
                    let shown = phone.clone();
                    let mut show = move |event| shown.heard(turn, event);
                    device.lend(plan, &mut heard, &mut show).await.map_err(|error| Trouble::from(&error))
                }
                Err(trouble) => Err(trouble),
            };
            let audit = ended.as_ref().ok().and_then(|ending| ending.audit.as_ref());
            let stopper = Named::stopper(&device, audit).await;
            phone.lent(turn, ended, stopper);
        });
    }

    /// What the newest of these records are called.
    fn titles(&self, records: &[RecordId]) -> Vec<String> {
        let newest = records.iter().take(MAX_TITLES).filter_map(|record| self.entry(*record));
        newest.map(|entry| entry.meta.map_or_else(String::new, |meta| clip(&meta.title, MAX_NAME))).collect()
    }

    async fn plan(&self, device: &Device, wish: &Wish) -> Result<Plan, Trouble> {
        let records = self.opened_all(device, &wish.records).await?;
        let withheld = self.withheld(device, &records, &wish.withheld).await?;
        Ok(Plan {
            to: wish.to.audience(),
            records,
            save: wish.save,
            millis: u64::from(wish.minutes).saturating_mul(MINUTE),
            site: self.site(),
            withheld,
        })
    }

    async fn opened_all(&self, device: &Device, records: &[RecordId]) -> Result<Vec<OpenedVersion>, Trouble> {
        let entries: Vec<Entry> = records.iter().filter_map(|record| self.entry(*record)).collect();
        if entries.len() != records.len() {
            return Err(Trouble::new(ErrorCode::NotFound.slug()));
        }
        let opened = device.open_entries(&entries.iter().collect::<Vec<_>>()).await;
        opened.map_err(|error| Trouble::from(&error))
    }

    fn heard(&self, turn: u32, event: Event) {
        let now = self.machine().monotonic();
        // Somebody on the phone waits for a yes or a no, or is nobody to talk to any longer.
        let is_agent = matches!(event, Event::Agent { .. } | Event::NoAgent { .. });
        let shown = self.change(|state| {
            state.sessions.remember(&event);
            let lending = state.lending(turn)?;
            if let Event::Changed { added, .. } = &event {
                // Whoever goes on gets the same.
                let lent = &mut lending.wish.records;
                lent.extend(
                    added.iter().map(|more| more.record).filter(|more| !lent.contains(more)).collect::<Vec<_>>(),
                );
            }
            let heard = lending.event(event, now);
            if is_agent {
                state.place = Place::Lend;
            }
            if let Some(heard) = heard {
                state.announce(heard);
            }
            Some(())
        });
        if is_agent && shown.is_some() {
            self.close();
        }
    }

    fn lent(&self, turn: u32, ended: Result<Ending, Trouble>, stopper: Option<Named>) {
        let renewed = self.change(|state| {
            let lending = state.lending(turn)?;
            let opened = if let Stage::Running(running) = &lending.stage { running.opened } else { 0 };
            let parting = lending.parting;
            // The warning stays until the person has read it, whatever the end is called.
            if let Stage::NoAgent { over, .. } = &mut lending.stage {
                *over = true;
                if parting == Some(Parting::Left) {
                    state.leave_lending();
                }
                return None;
            }
            lending.stage = match ended {
                Ok(ending) => {
                    let ran = Ran {
                        opened,
                        holds: ending.audit.as_ref().map(|_| true).or_else(|| ending.told.then_some(false)),
                        missing: ending.missing.is_some(),
                        told: ending.told,
                        stopper,
                    };
                    Stage::Over { key: ending.code.slug(), wait: None, ran: Some(ran), parting }
                }
                Err(Trouble { key, wait }) => Stage::Over { key, wait, ran: None, parting },
            };
            let ran = matches!(lending.stage, Stage::Over { ran: Some(_), .. });
            if parting == Some(if ran { Parting::HandedOver } else { Parting::Renewed }) {
                return Some(lending.wish.clone());
            }
            state.announce(Announcement::polite("say.lending-over"));
            None
        });
        if let Some(wish) = renewed {
            self.start_lending(wish);
        }
    }

    /// The page has left the screen: a code that stands on it is burnt, and a question nobody sees is a no. A session that
    /// runs goes on.
    pub(crate) fn out_of_sight(&self) {
        self.part(Parting::OutOfSight);
    }

    /// The page is back: who had a code on the screen gets another one.
    pub(crate) fn back_in_sight(&self) {
        let burnt = self.look(|state| {
            state.lending.as_ref().is_some_and(|lending| {
                matches!(lending.stage, Stage::Over { ran: None, parting: Some(Parting::OutOfSight), .. })
            })
        });
        if burnt {
            self.lend_again();
        }
    }

    /// Breaks off what has not become a session.
    fn part(&self, why: Parting) {
        self.change(|state| {
            let Some(lending) = state.lending.as_mut() else { return };
            if lending.parting.is_none()
                && matches!(
                    lending.stage,
                    Stage::Starting | Stage::Code { .. } | Stage::Asking { .. } | Stage::AskingAgent { .. }
                )
            {
                lending.parting = Some(why);
                let _taken = lending.commands.unbounded_send(Command::Cancel);
            }
        });
    }

    /// What the person does about a code or a session. What does not fit the stage is dropped.
    pub(crate) fn act(&self, act: Act) {
        match act {
            Act::Cancel => return self.part(Parting::Left),
            Act::Renew => return self.part(Parting::Renewed),
            Act::More => return self.lend_more(),
            Act::Approve(_)
            | Act::ApproveAgent(_)
            | Act::Decline
            | Act::Extend(_)
            | Act::Shorten(_)
            | Act::Allow(_)
            | Act::Refuse
            | Act::End
            | Act::HandOver => {}
        }
        self.change(|state| {
            let Some(lending) = state.lending.as_mut() else { return };
            let millis = |minutes: u32| u64::from(minutes).saturating_mul(MINUTE);
            let command = match (act, &mut lending.stage) {
                (Act::Approve(words), Stage::Asking { .. }) => {
                    lending.stage = Stage::Granting;
                    Command::Approve { words, millis: None, save: None }
                }
                (Act::ApproveAgent(minutes), Stage::AskingAgent { offered, .. }) if offered.contains(&minutes) => {
                    lending.stage = Stage::Granting;
                    // What was decided is what another code is asked for.
                    lending.wish.minutes = minutes;
                    Command::ApproveAgent { millis: Some(millis(minutes)), save: None }
                }
                (Act::Decline, Stage::Asking { .. } | Stage::AskingAgent { .. }) => {
                    lending.parting = Some(Parting::Left);
                    Command::Decline
                }
                (Act::Extend(minutes), Stage::Running(_)) => Command::Extend { millis: millis(minutes) },
                (Act::Shorten(minutes), Stage::Running(_)) => Command::Shorten { millis: millis(minutes) },
                (Act::Allow(openings), Stage::Running(_)) => Command::Allow { openings },
                (Act::Refuse, Stage::Running(running)) => {
                    running.asked = None;
                    Command::Refuse
                }
                (Act::End, Stage::Running(_)) => {
                    lending.parting = Some(Parting::Left);
                    Command::End
                }
                (Act::HandOver, Stage::Running(_)) if lending.agent.is_some() => {
                    lending.parting = Some(Parting::HandedOver);
                    Command::End
                }
                _ => return,
            };
            // A lending that is over takes none.
            let _taken = lending.commands.unbounded_send(command);
        });
    }

    /// Lends the ticked records on top, without the fields that were chosen.
    fn lend_more(&self) {
        let records = self.more();
        let Some(device) = self.device().filter(|_| !records.is_empty()) else { return };
        let turn = self.look(|state| state.lending.as_ref().map_or(0, |lending| lending.turn));
        let chosen = self.look(|state| state.withholding.of(&records));
        self.run(|phone| async move {
            let found = async {
                let versions = if chosen.is_empty() {
                    Vec::new()
                } else {
                    let less: Vec<RecordId> = chosen.keys().copied().collect();
                    phone.opened_all(&device, &less).await?
                };
                phone.withheld(&device, &versions, &chosen).await
            };
            let found = found.await;
            phone.change(|state| {
                let Some(lending) = state.lending(turn) else { return };
                let Stage::Running(running) = &mut lending.stage else { return };
                match found {
                    Ok(withheld) => {
                        lending.wish.withheld.extend(chosen);
                        // A lending that is over takes none.
                        let _taken = lending.commands.unbounded_send(Command::Add { records, withheld });
                    }
                    Err(trouble) => running.trouble = Some(trouble),
                }
            });
        });
    }

    /// The ticked records that are not lent yet.
    fn more(&self) -> Vec<RecordId> {
        let chosen: Vec<RecordId> = self.look(|state| {
            let Some(Lending { stage: Stage::Running(running), .. }) = &state.lending else { return Vec::new() };
            let is_lent = |record: &RecordId| running.rows.iter().any(|row| row.record == *record);
            state.list.chosen().iter().copied().filter(|record| !is_lent(record)).collect()
        });
        self.in_order(&chosen)
    }

    pub(crate) fn close_lending(&self) {
        self.change(|state| {
            let Some(lending) = state.lending.as_mut() else { return };
            // Read faster than the other end was told: it goes as soon as that is done.
            if matches!(lending.stage, Stage::NoAgent { over: false, .. }) {
                lending.parting = Some(Parting::Left);
            } else if !lending.is_live() {
                state.leave_lending();
            }
        });
    }
}
