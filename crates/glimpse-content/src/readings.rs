//! Measurements from FHIR and Open mHealth, in one form: a row of a table each, and a point of a chart where they can be one.

use crate::charset::Visible;
use crate::keys;
use crate::limits::ROWS_SHOWN;
use crate::series::{Label, Tracks};
use crate::time::{self, Stamp};
use crate::view::{Block, Column, ContentView, Message, Table, Words};

/// One measured value with its circumstances.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) at: Option<When<'a>>,
    pub(crate) until: Option<When<'a>>,
    pub(crate) what: Words,
    /// Tells kinds of measurement apart.
    pub(crate) id: &'a str,
    /// Kinds of one group share a chart (the two values of a blood pressure).
    pub(crate) group: &'a str,
    /// As it is shown, without its unit.
    pub(crate) value: Words,
    /// As it is drawn.
    pub(crate) number: Option<f64>,
    pub(crate) unit: &'a str,
    pub(crate) range: Option<Words>,
    pub(crate) flag: Option<Words>,
    pub(crate) notes: Option<Words>,
}

/// A time in a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When<'a> {
    pub(crate) stamp: Stamp,
    pub(crate) text: &'a str,
}

impl<'a> When<'a> {
    pub(crate) fn iso(text: &'a str) -> Option<Self> {
        time::iso(text).map(|stamp| Self { stamp, text })
    }

    pub(crate) fn words(self) -> Words {
        self.stamp.moment(self.text).into()
    }
}

/// All measurements of one record.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    rows: Vec<[Option<Words>; COLUMNS]>,
    pub(crate) total: usize,
    pub(crate) tracks: Tracks,
}

const COLUMNS: usize = 8;
const TITLES: [(&str, bool); COLUMNS] = [
    (keys::WHEN, false),
    (keys::UNTIL, false),
    (keys::WHAT, false),
    (keys::VALUE, true),
    (keys::UNIT, false),
    (keys::RANGE, false),
    (keys::FLAG, false),
    (keys::NOTES, false),
];

impl Readings {
    pub(crate) fn push(&mut self, reading: Reading<'_>, visible: &mut Visible) {
        self.total = self.total.saturating_add(1);
        if let (Some(at), Some(y)) = (reading.at, reading.number) {
            let unit = visible.value(reading.unit, 40);
            let label = Label { id: reading.id, group: reading.group, name: &reading.what, unit: &unit };
            self.tracks.push(label, at.stamp, reading.until.map(|until| until.stamp), y);
        }
        if self.rows.len() < ROWS_SHOWN {
            self.rows.push([
                reading.at.map(When::words),
                reading.until.map(When::words),
                Some(reading.what),
                Some(reading.value),
                (!reading.unit.is_empty()).then(|| Words::Data(visible.value(reading.unit, 40))),
                reading.range,
                reading.flag,
                reading.notes,
            ]);
        }
    }

    /// Adds the charts and the table, without columns that no row fills.
    pub(crate) fn show(self, view: &mut ContentView) {
        if self.tracks.dropped > 0 {
            view.notices.push(Message::new(keys::NOTICE_NOT_CHARTED).with("count", self.tracks.dropped));
        }
        if self.rows.len() < self.total {
            view.notices
                .push(Message::new(keys::NOTICE_ROWS_CUT).with("shown", self.rows.len()).with("total", self.total));
        }
        view.blocks.extend(self.tracks.charts().into_iter().map(Block::Chart));
        if self.rows.is_empty() {
            return;
        }
        let mut filled = [false; COLUMNS];
        for row in &self.rows {
            for (filled, cell) in filled.iter_mut().zip(row) {
                *filled |= cell.is_some();
            }
        }
        let kept = |index: &usize| filled.get(*index).copied().unwrap_or(false);
        let columns = TITLES.iter().enumerate().filter(|(index, _)| kept(index));
        let columns =
            columns.map(|(_, (title, numeric))| Column { title: Words::key(title), numeric: *numeric }).collect();
        let rows = self.rows.into_iter().map(|row| {
            let cells = row.into_iter().enumerate().filter(|(index, _)| kept(index));
            cells.map(|(_, cell)| cell.unwrap_or_else(|| Words::Data(String::new()))).collect()
        });
        let caption = Some(Words::key(keys::MEASUREMENTS));
        view.blocks.push(Block::Table(Table { caption, columns, rows: rows.collect(), total_rows: self.total }));
    }
}
