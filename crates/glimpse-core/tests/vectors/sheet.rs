//! A vector file: named values in the order in which they come about, as JSON that diffs well.

use core::fmt::Write;

/// What stands behind a name.
#[derive(Debug)]
enum Value {
    Text(String),
    Number(u64),
    List(Vec<Sheet>),
}

/// Named values, in order.
#[derive(Debug, Default)]
pub(crate) struct Sheet(Vec<(&'static str, Value)>);

impl Sheet {
    /// Begins with what the file shows.
    pub(crate) fn about(comment: &str) -> Self {
        Self::default().text("comment", comment)
    }

    /// Bytes, in hex.
    pub(crate) fn bytes(self, name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        self.text(name, &hex::encode(bytes))
    }

    pub(crate) fn text(mut self, name: &'static str, text: &str) -> Self {
        self.0.push((name, Value::Text(text.to_owned())));
        self
    }

    pub(crate) fn number(mut self, name: &'static str, number: u64) -> Self {
        self.0.push((name, Value::Number(number)));
        self
    }

    pub(crate) fn list(mut self, name: &'static str, entries: Vec<Self>) -> Self {
        self.0.push((name, Value::List(entries)));
        self
    }

    /// The file.
    pub(crate) fn render(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out.push('\n');
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let pad = "  ".repeat(depth + 1);
        out.push_str("{\n");
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index + 1 < self.0.len() { "," } else { "" };
            write!(out, "{pad}\"{name}\": ").unwrap();
            match value {
                Value::Text(text) => out.push_str(&serde_json::to_string(text).unwrap()),
                Value::Number(number) => write!(out, "{number}").unwrap(),
                Value::List(entries) => {
                    out.push('[');
                    for (index, entry) in entries.iter().enumerate() {
                        out.push_str(if index == 0 { "\n" } else { ",\n" });
                        out.push_str(&"  ".repeat(depth + 2));
                        entry.write(out, depth + 2);
                    }
                    write!(out, "\n{pad}]").unwrap();
                }
            }
            writeln!(out, "{comma}").unwrap();
        }
        write!(out, "{}}}", "  ".repeat(depth)).unwrap();
    }
}
