//! What one view may cost. A record is read in a Worker of the page, so reading it must stay small whatever it holds; and
//! what is shown becomes elements of a page, of which a browser draws some ten thousand without a pause.

/// The largest content that is shown, in bytes; what is larger may only be saved.
pub const SHOWN: u64 = 64 * 1024 * 1024;

/// The most bytes of a record that are read as text or as a table; what follows is left out with a notice.
pub const TEXT_READ: usize = 32 * 1024 * 1024;
/// The most bytes that are read as JSON, which needs memory in proportion.
pub const JSON_READ: usize = 32 * 1024 * 1024;
/// The most values in one JSON document.
pub const JSON_VALUES: usize = 1_000_000;
/// The deepest nesting of JSON that is read.
pub const JSON_DEPTH: usize = 96;
/// The most bytes of plain text that are shown.
pub const TEXT_SHOWN: usize = 1024 * 1024;
/// The most nodes of a JSON tree that are shown.
pub const NODES_SHOWN: usize = 5_000;
/// The most rows of a table that are shown.
pub const ROWS_SHOWN: usize = 2_000;
/// The most cells of a table that are shown: a wide table has fewer rows.
pub const CELLS_SHOWN: usize = 24_000;
/// The most columns of a table that are shown.
pub const COLUMNS_SHOWN: usize = 64;
/// The most columns of a table that are read at all.
pub const COLUMNS_READ: usize = 4_096;
/// The longest row of a table that is read, in bytes.
pub const ROW_BYTES: usize = 4 * 1024 * 1024;
/// The most characters of one value, where many values are shown together.
pub const CELL_CHARS: usize = 2_000;
/// The most characters of all values of one view together, running text aside.
pub const VIEW_CHARS: usize = 4 * 1024 * 1024;
/// The most values of one field.
pub const VALUES_SHOWN: usize = 200;
/// The most measured values kept while charts are made, over all series.
pub const POINTS_READ: usize = 1_000_000;
/// The most series in one view.
pub const SERIES_SHOWN: usize = 48;
/// A series is drawn from the lowest and the highest value in each of this many stretches of time.
pub const BUCKETS: usize = 1_000;
/// The most FHIR resources of one bundle that are shown one by one.
pub const RESOURCES_SHOWN: usize = 300;
/// The most fields that are shown over all resources of one view.
pub const FIELDS_SHOWN: usize = 4_000;
/// The largest record of which fields can be withheld, in bytes: it is read as a whole.
pub const REDUCED: usize = 8 * 1024 * 1024;
/// The longest name of a field that can be told from others, in bytes.
pub const NAME_BYTES: usize = 1_024;
/// The most fields that are named for a choice.
pub const FIELDS_NAMED: usize = 1_000;
/// The most fields that are withheld from one record.
pub const FIELDS_WITHHELD: usize = 256;
