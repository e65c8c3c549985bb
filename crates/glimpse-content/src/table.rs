//! Tables (RFC 4180, and what spreadsheets, banks and watches write instead): which character divides the columns, whether
//! there is a heading, which column is time and which are measured values; then rows for the screen and points for charts.

use std::ops::ControlFlow;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::charset::Visible;
use crate::keys;
use crate::limits::{CELL_CHARS, CELLS_SHOWN, COLUMNS_READ, COLUMNS_SHOWN, ROW_BYTES, ROWS_SHOWN};
use crate::number::decimal;
use crate::series::{Label, Tracks};
use crate::time::{self, Stamp};
use crate::view::{Column, Message, Table, Words};

/// How many rows are looked at before a reading is chosen.
const SAMPLE: usize = 200;

/// How a text is read as a table.
#[derive(Debug)]
pub(crate) struct Plan {
    delimiter: u8,
    has_heading: bool,
    /// How many cells the first row has, which the others are measured by.
    width: usize,
    /// As many as the widest row of the sample has.
    columns: Vec<Role>,
    time: Option<usize>,
    decimal_comma: bool,
    /// Bytes of a first line `sep=;`, which is for the spreadsheet alone.
    skipped: usize,
}

/// What a column is.
#[derive(Debug)]
struct Role {
    name: String,
    unit: String,
    numeric: bool,
    charted: bool,
}

/// What came of reading.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) table: Table,
    pub(crate) tracks: Tracks,
    pub(crate) notices: Vec<Message>,
}

impl Plan {
    /// True where there is a column of times and at least one of measured values.
    pub(crate) fn is_series(&self) -> bool {
        self.time.is_some()
    }

    pub(crate) const fn delimiter(&self) -> u8 {
        self.delimiter
    }

    pub(crate) const fn has_heading(&self) -> bool {
        self.has_heading
    }

    pub(crate) const fn skipped(&self) -> usize {
        self.skipped
    }
}

/// Chooses a reading; none where the text has no columns that hold together. A text that is `named` a table is one even if
/// it has a single column.
pub(crate) fn plan(text: &str, named: bool) -> Option<Plan> {
    let (declared, skipped) = declared_delimiter(text);
    let body = text.get(skipped..)?;
    let delimiter = match declared {
        Some(delimiter) => delimiter,
        None => sniff(body).or_else(|| named.then_some(b','))?,
    };
    let sample = sample(body, delimiter);
    let width = sample.iter().map(Vec::len).max()?;
    let decimal_comma = delimiter != b',';
    let has_heading = sample.len() > 1
        && sample.first().is_some_and(|row| {
            row.iter().all(|cell| number(cell, decimal_comma).is_none() && time::table(cell, false).is_none())
        });
    let (heading, rows) = if has_heading {
        sample.split_first().map(|(first, rest)| (Some(first), rest))?
    } else {
        (None, sample.as_slice())
    };
    let columns = (0..width.min(COLUMNS_READ))
        .map(|index| {
            role(heading.and_then(|row| row.get(index)).map_or("", String::as_str), rows, index, decimal_comma)
        })
        .collect();
    let first = sample.first().map_or(0, Vec::len);
    let mut plan = Plan { delimiter, has_heading, width: first, columns, time: None, decimal_comma, skipped };
    plan.time = time_column(&plan, rows);
    if let Some(time) = plan.time {
        for (index, column) in plan.columns.iter_mut().enumerate() {
            column.charted = column.numeric && index != time && !is_counter(&column.name);
        }
        if !plan.columns.iter().any(|column| column.charted) {
            plan.time = None;
        }
    }
    Some(plan)
}

/// Reads the whole text by the plan.
pub(crate) fn read(text: &str, plan: &Plan, visible: &mut Visible) -> Read {
    let shown = plan.columns.len().min(COLUMNS_SHOWN);
    let most_rows = CELLS_SHOWN.checked_div(shown.max(1)).unwrap_or(0).min(ROWS_SHOWN);
    let columns = plan
        .columns
        .iter()
        .take(shown)
        .enumerate()
        .map(|(index, column)| Column { title: plan.title(index, column, visible), numeric: column.numeric })
        .collect();
    let names: Vec<Words> =
        plan.columns.iter().enumerate().map(|(index, column)| plan.name(index, column, visible)).collect();
    let mut table = Table { caption: None, columns, rows: Vec::new(), total_rows: 0 };
    let mut tracks = Tracks::default();
    let (mut ragged, mut widest) = (0_usize, plan.columns.len());
    let end = records(text.get(plan.skipped..).unwrap_or_default(), plan.delimiter, |index, record| {
        if index == 0 && plan.has_heading {
            return ControlFlow::Continue(());
        }
        table.total_rows = table.total_rows.saturating_add(1);
        let width = record.ends.len();
        widest = widest.max(width);
        if width != plan.width {
            ragged = ragged.saturating_add(1);
        }
        if table.rows.len() < most_rows {
            let mut cells: Vec<Words> =
                record.cells().take(shown).map(|cell| Words::Data(visible.value(cell, CELL_CHARS))).collect();
            cells.resize_with(shown, || Words::Data(String::new()));
            table.rows.push(cells);
        }
        plan.chart(record, &names, &mut tracks);
        ControlFlow::Continue(())
    });
    let mut notices = Vec::new();
    if let End::RowTooLong(row) = end {
        notices.push(Message::new(keys::NOTICE_ROW_TOO_LONG).with("row", row));
    }
    if table.rows.len() < table.total_rows {
        notices
            .push(Message::new(keys::NOTICE_ROWS_CUT).with("shown", table.rows.len()).with("total", table.total_rows));
    }
    if shown < widest {
        notices.push(Message::new(keys::NOTICE_COLUMNS_CUT).with("shown", shown).with("total", widest));
    }
    if ragged > 0 {
        notices.push(Message::new(keys::NOTICE_RAGGED).with("count", ragged));
    }
    Read { table, tracks, notices }
}

impl Plan {
    /// The heading as it stands.
    fn title(&self, index: usize, column: &Role, visible: &mut Visible) -> Words {
        let mut title = column.name.clone();
        if !column.unit.is_empty() {
            title.push_str(" (");
            title.push_str(&column.unit);
            title.push(')');
        }
        self.named(index, &title, visible)
    }

    /// The heading without its unit.
    fn name(&self, index: usize, column: &Role, visible: &mut Visible) -> Words {
        self.named(index, &column.name, visible)
    }

    fn named(&self, index: usize, name: &str, visible: &mut Visible) -> Words {
        if name.is_empty() {
            return Message::new(keys::COLUMN).with("number", index.saturating_add(1)).into();
        }
        Words::Data(visible.value(name, 120))
    }

    fn chart(&self, record: &Record<'_>, names: &[Words], tracks: &mut Tracks) {
        let Some(time) = self.time else { return };
        let epoch = self.columns.get(time).is_some_and(|column| is_time_name(&column.name));
        let stamp = record.cells().nth(time).and_then(|cell| time::table(cell, epoch));
        for ((index, cell), (column, name)) in record.cells().enumerate().zip(self.columns.iter().zip(names)) {
            if !column.charted || cell.trim().is_empty() {
                continue;
            }
            match (stamp, number(cell, self.decimal_comma)) {
                (Some(stamp), Some(y)) => {
                    let id = index.to_string();
                    // Columns in one unit share a chart; a column without a unit stands alone.
                    let group = if column.unit.is_empty() { id.as_str() } else { "" };
                    tracks.push(Label { id: &id, group, name, unit: &column.unit }, stamp, None, y);
                }
                _ => tracks.dropped = tracks.dropped.saturating_add(1),
            }
        }
    }
}

fn role(heading: &str, rows: &[Vec<String>], index: usize, decimal_comma: bool) -> Role {
    let (name, unit) = name_and_unit(heading.trim());
    let cells = || rows.iter().filter_map(|row| row.get(index)).filter(|cell| !cell.trim().is_empty());
    let filled = cells().count();
    let numbers = cells().filter(|cell| number(cell, decimal_comma).is_some()).count();
    let numeric = filled > 0 && numbers.saturating_mul(10) >= filled.saturating_mul(8);
    Role { name: name.to_owned(), unit: unit.to_owned(), numeric, charted: false }
}

/// The column of times, in a table that is a series: times that hardly repeat, and at most one column of changing words.
/// A household book or a list of medicines has dates and amounts too, and is read as a table.
fn time_column(plan: &Plan, rows: &[Vec<String>]) -> Option<usize> {
    let cells = |index: usize| rows.iter().filter_map(move |row| row.get(index)).map(|cell| cell.trim());
    let (time, stamps) = plan.columns.iter().enumerate().find_map(|(index, column)| {
        let filled = cells(index).filter(|cell| !cell.is_empty()).count();
        let stamps: Vec<i64> = cells(index)
            .filter_map(|cell| time::table(cell, is_time_name(&column.name)))
            .map(|stamp: Stamp| stamp.at)
            .collect();
        (filled > 1 && stamps.len().saturating_mul(10) >= filled.saturating_mul(9)).then_some((index, stamps))
    })?;
    // The sample is short, so every time may be compared with all before it.
    let distinct = stamps
        .iter()
        .enumerate()
        .filter(|(index, stamp)| !stamps.iter().take(*index).any(|other| other == *stamp))
        .count();
    let words = plan.columns.iter().enumerate().filter(|(index, column)| {
        let first = cells(*index).find(|cell| !cell.is_empty());
        *index != time && !column.numeric && cells(*index).any(|cell| !cell.is_empty() && Some(cell) != first)
    });
    (distinct.saturating_mul(10) >= stamps.len().saturating_mul(8) && words.count() <= 1).then_some(time)
}

/// `Heart rate (bpm)` and `Heart rate [bpm]` to the name and the unit.
fn name_and_unit(heading: &str) -> (&str, &str) {
    for (open, close) in [('(', ')'), ('[', ']')] {
        if let Some((name, unit)) = heading.strip_suffix(close).and_then(|heading| heading.rsplit_once(open))
            && !name.trim().is_empty()
            && unit.chars().count() <= 16
        {
            return (name.trim_end(), unit.trim());
        }
    }
    (heading, "")
}

fn is_time_name(name: &str) -> bool {
    const NAMES: [&str; 12] =
        ["time", "date", "timestamp", "datetime", "when", "epoch", "ts", "start", "zeit", "datum", "fecha", "heure"];
    name.split(|char: char| !char.is_ascii_alphabetic())
        .any(|word| NAMES.iter().any(|name| name.eq_ignore_ascii_case(word)))
}

/// Columns that number the rows are not measurements.
fn is_counter(name: &str) -> bool {
    ["id", "no", "nr", "no.", "nr.", "#", "index", "row"].iter().any(|counter| counter.eq_ignore_ascii_case(name))
}

/// A number as tables write it; with a comma for the point where the comma does not divide columns.
fn number(cell: &str, decimal_comma: bool) -> Option<f64> {
    let cell = cell.trim();
    let body = cell.strip_prefix(['+', '-', '−']).unwrap_or(cell);
    if !body.bytes().next().is_some_and(|byte| byte.is_ascii_digit()) || body.len() > 40 {
        return None;
    }
    let plain = cell.replace('−', "-");
    if decimal_comma && !cell.contains('.') { decimal(&plain.replacen(',', ".", 1)) } else { decimal(&plain) }
}

/// The delimiter of a first line `sep=;`, and the bytes of that line.
fn declared_delimiter(text: &str) -> (Option<u8>, usize) {
    let line = text.lines().next().unwrap_or_default();
    match line.strip_prefix("sep=").map(str::as_bytes) {
        Some([delimiter]) if delimiter.is_ascii() => {
            (Some(*delimiter), text.find('\n').map_or(text.len(), |end| end.saturating_add(1)))
        }
        _ => (None, 0),
    }
}

/// The delimiter under which the most rows have the same number of columns, two or more.
fn sniff(text: &str) -> Option<u8> {
    let mut best = None;
    for delimiter in [b',', b';', b'\t', b'|'] {
        let rows = sample(text, delimiter);
        let Some(first) = rows.first().map(Vec::len).filter(|width| *width > 1) else { continue };
        let same = rows.iter().filter(|row| row.len() == first).count();
        // Prose has commas too: nearly every line must agree, in more lines than one.
        if rows.len() < 2 || same.saturating_mul(10) < rows.len().saturating_mul(8) || is_prose(&rows) {
            continue;
        }
        let score = (same.saturating_mul(1_000).checked_div(rows.len()).unwrap_or(0), first);
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, delimiter));
        }
    }
    best.map(|(_, delimiter)| delimiter)
}

/// Lines of prose that happen to have one comma each: long cells that begin with a space, and no number anywhere.
fn is_prose(rows: &[Vec<String>]) -> bool {
    let spaced = rows.iter().all(|row| row.iter().skip(1).all(|cell| cell.starts_with(' ')));
    spaced && !rows.iter().flatten().any(|cell| number(cell, true).is_some())
}

fn sample(text: &str, delimiter: u8) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    records(text, delimiter, |_, record| {
        rows.push(record.cells().take(COLUMNS_READ).map(|cell| cell.chars().take(200).collect()).collect());
        if rows.len() > SAMPLE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    rows
}

/// One row.
struct Record<'a> {
    text: &'a str,
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    fn cells(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let text = self.text;
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let cell = text.get(start..*end).unwrap_or_default();
            start = *end;
            cell
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    /// This row, counted from 1, is longer than [`ROW_BYTES`] or wider than [`COLUMNS_READ`].
    RowTooLong(usize),
}

/// Calls `each` with every row that is not empty, in memory bounded by one row.
fn records(text: &str, delimiter: u8, mut each: impl FnMut(usize, &Record<'_>) -> ControlFlow<()>) -> End {
    let mut reader: Reader = ReaderBuilder::new().delimiter(delimiter).build();
    let (mut output, mut ends) = (vec![0; 4096], vec![0; 64]);
    let (mut written, mut ended, mut row) = (0_usize, 0_usize, 0_usize);
    let mut input = text.as_bytes();
    loop {
        let (result, taken, out, end) = reader.read_record(
            input,
            output.get_mut(written..).unwrap_or_default(),
            ends.get_mut(ended..).unwrap_or_default(),
        );
        input = input.get(taken..).unwrap_or_default();
        written = written.saturating_add(out);
        ended = ended.saturating_add(end);
        match result {
            // The next call with empty input ends the last row.
            ReadRecordResult::InputEmpty => {}
            ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                if output.len() >= ROW_BYTES || ends.len() > COLUMNS_READ {
                    return End::RowTooLong(row.saturating_add(1));
                }
                if result == ReadRecordResult::OutputFull {
                    output.resize(output.len().saturating_mul(2), 0);
                } else {
                    ends.resize(ends.len().saturating_mul(2), 0);
                }
            }
            ReadRecordResult::Record => {
                let bytes = output.get(..written).unwrap_or_default();
                // Rows are cut at ASCII characters of valid text, so this is always text.
                let record = Record {
                    text: std::str::from_utf8(bytes).unwrap_or_default(),
                    ends: ends.get(..ended).unwrap_or_default(),
                };
                if each(row, &record).is_break() {
                    return End::Complete;
                }
                row = row.saturating_add(1);
                (written, ended) = (0, 0);
            }
            ReadRecordResult::End => return End::Complete,
        }
    }
}

#[cfg(test)]
mod tests;
