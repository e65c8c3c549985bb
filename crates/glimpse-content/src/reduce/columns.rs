//! Columns of a table.

use core::ops::Range;

use super::{Fault, Field, Fields, Path, Reduction, cuts_of, escaped};
use crate::limits::{COLUMNS_READ, FIELDS_NAMED, NAME_BYTES};
use crate::table::plan;

pub(super) fn fields(text: &str) -> Result<Fields, Fault> {
    let table = Cells::read(text)?;
    let names = table.names.iter().take(FIELDS_NAMED);
    let fields = names.map(|name| Field { pointer: format!("/{}", escaped(name)), name: name.clone(), depth: 0 });
    Ok(Fields { fields: fields.collect(), more: table.names.len() > FIELDS_NAMED })
}

pub(super) fn reduce(text: &str, paths: &[Path]) -> Result<Reduction, Fault> {
    let table = Cells::read(text)?;
    let mut withheld = vec![false; table.names.len()];
    for path in paths {
        let place = match path.steps.as_slice() {
            [name] => table.names.iter().position(|known| known == name),
            _ => None,
        };
        *place.and_then(|place| withheld.get_mut(place)).ok_or_else(|| path.missing())? = true;
    }
    if withheld.iter().all(|withheld| *withheld) {
        return Err(Fault::NothingLeft);
    }
    let mut cuts = Vec::new();
    for row in &table.rows {
        let spans: Vec<(Range<usize>, bool)> = row.iter().cloned().zip(withheld.iter().copied()).collect();
        cuts_of(&spans, &mut cuts);
    }
    Ok(Reduction { cuts, fields: paths.len() })
}

/// Where the cells of a table lie, each with its quotes.
struct Cells {
    /// Of the columns: as the heading has them, or their number from 1 where it has none.
    names: Vec<String>,
    /// Those that are not empty lines.
    rows: Vec<Vec<Range<usize>>>,
}

impl Cells {
    fn read(text: &str) -> Result<Self, Fault> {
        let plan = plan(text, true).ok_or(Fault::NoFields)?;
        let mut rows = Vec::new();
        let mut at = plan.skipped();
        while at < text.len() {
            let (row, next) = row(text.as_bytes(), at, plan.delimiter())?;
            let is_empty = matches!(row.as_slice(), [cell] if cell.is_empty());
            if !is_empty {
                rows.push(row);
            }
            at = next;
        }
        let width = rows.first().map_or(0, Vec::len);
        if width > COLUMNS_READ {
            return Err(Fault::TooMuch);
        }
        // A cell that has slipped into another column would stay.
        if rows.iter().any(|row| row.len() != width) {
            return Err(Fault::Ragged);
        }
        let heading = rows.first().filter(|_| plan.has_heading());
        let mut names = Vec::with_capacity(width);
        for place in 0..width {
            let cell = heading.and_then(|row| row.get(place)).and_then(|cell| text.get(cell.clone()));
            let name = cell.map(plain).filter(|name| !name.is_empty());
            let name = name.unwrap_or_else(|| place.saturating_add(1).to_string());
            if name.len() > NAME_BYTES {
                return Err(Fault::LongName);
            }
            names.push(name);
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() < names.len() {
            return Err(Fault::NamedTwice);
        }
        if names.is_empty() { Err(Fault::NoFields) } else { Ok(Self { names, rows }) }
    }
}

/// A cell without its quotes and the white space around it.
fn plain(cell: &str) -> String {
    let inside = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
    inside.map_or_else(|| cell.to_owned(), |inside| inside.replace("\"\"", "\"")).trim().to_owned()
}

/// One row from `at` on, and where the next begins. Quotes that RFC 4180 does not allow are refused: another reader would see
/// other cells.
fn row(text: &[u8], mut at: usize, delimiter: u8) -> Result<(Vec<Range<usize>>, usize), Fault> {
    let peek = |at: usize| text.get(at).copied();
    let mut cells = Vec::new();
    loop {
        let from = at;
        if peek(at) == Some(b'"') {
            at = at.saturating_add(1);
            loop {
                match (peek(at), peek(at.saturating_add(1))) {
                    (Some(b'"'), Some(b'"')) => at = at.saturating_add(2),
                    (Some(b'"'), _) => break,
                    (Some(_), _) => at = at.saturating_add(1),
                    (None, _) => return Err(Fault::Malformed),
                }
            }
            at = at.saturating_add(1);
        } else {
            while let Some(byte) = peek(at) {
                match byte {
                    b'\r' | b'\n' => break,
                    b'"' => return Err(Fault::Malformed),
                    byte if byte == delimiter => break,
                    _ => at = at.saturating_add(1),
                }
            }
        }
        cells.push(from..at);
        if cells.len() > COLUMNS_READ {
            return Err(Fault::TooMuch);
        }
        match peek(at) {
            Some(byte) if byte == delimiter => at = at.saturating_add(1),
            Some(b'\r') if peek(at.saturating_add(1)) == Some(b'\n') => return Ok((cells, at.saturating_add(2))),
            Some(b'\r' | b'\n') | None => return Ok((cells, at.saturating_add(1))),
            // Behind a closing quote.
            Some(_) => return Err(Fault::Malformed),
        }
    }
}
