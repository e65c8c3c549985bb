//! The walker: every element of a resource as a row, its parts as rows one deeper.

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::VALUES_SHOWN;
use crate::view::{Field, Message, Words};
use crate::words::humanise;

use super::{layout, value};

/// The types that a choice element carries at the end of its name (<https://hl7.org/fhir/R4/datatypes.html#open>).
const CHOICES: [&str; 31] = [
    "Address",
    "Age",
    "Annotation",
    "Attachment",
    "Boolean",
    "Code",
    "CodeableConcept",
    "Coding",
    "Date",
    "DateTime",
    "Decimal",
    "Dosage",
    "Duration",
    "HumanName",
    "Id",
    "Identifier",
    "Instant",
    "Integer",
    "Money",
    "Period",
    "PositiveInt",
    "Quantity",
    "Range",
    "Ratio",
    "Reference",
    "SampledData",
    "String",
    "Time",
    "Timing",
    "UnsignedInt",
    "Uri",
];

/// Of those, the types that are not also words in the names of other elements (`expectedSupplyDuration`).
const PLAIN_CHOICES: [&str; 6] =
    ["Boolean", "CodeableConcept", "DateTime", "PositiveInt", "SampledData", "UnsignedInt"];

/// Rows of one resource.
#[derive(Debug)]
pub(super) struct Sheet<'v> {
    pub(super) rows: Vec<Field>,
    left: &'v mut usize,
    visible: &'v mut Visible,
}

impl<'v> Sheet<'v> {
    /// `left` is how many rows the view still has room for.
    pub(super) fn new(left: &'v mut usize, visible: &'v mut Visible) -> Self {
        Self { rows: Vec::new(), left, visible }
    }

    /// The elements of a resource: those that matter most to a reader, then the others, then what serves programs.
    pub(super) fn resource(&mut self, resource: &Json<'_>, depth: usize) {
        let kind = resource.text("resourceType").unwrap_or_default();
        let order = layout::order(kind);
        for field in order {
            for (name, value) in resource.members().iter().filter(|(name, _)| is_choice(name, field)) {
                self.field(name, value, depth, layout::is_technical(kind, name));
            }
        }
        let rest = |technical: bool| {
            resource.members().iter().filter(move |(name, _)| {
                name != "resourceType"
                    && !order.iter().any(|field| is_choice(name, field))
                    && is_late(kind, name) == technical
            })
        };
        for (name, value) in rest(false) {
            self.field(name, value, depth, false);
        }
        for (name, value) in rest(true) {
            self.field(name, value, depth, true);
        }
    }

    /// One element, whatever it is.
    pub(super) fn field(&mut self, name: &str, value: &Json<'_>, depth: usize, technical: bool) {
        let label = label(name, self.visible);
        self.labelled(label, name, value, depth, technical);
    }

    fn labelled(&mut self, label: Words, name: &str, value: &Json<'_>, depth: usize, technical: bool) {
        if let Some(said) = value::say(name, value, self.visible) {
            self.row(depth, label, vec![said], technical);
            return;
        }
        let deeper = depth.saturating_add(1);
        match value {
            Json::Array(items) => {
                let shown = items.iter().take(VALUES_SHOWN);
                let said: Option<Vec<Words>> = shown.map(|item| value::say(name, item, self.visible)).collect();
                if let Some(mut said) = said {
                    if said.len() < items.len() {
                        said.push(Words::Data("…".to_owned()));
                        self.visible.shortened = self.visible.shortened.saturating_add(1);
                    }
                    self.row(depth, label, said, technical);
                    return;
                }
                for (index, item) in items.iter().enumerate() {
                    // Lists of lists keep their name, or it would grow with every level.
                    let numbered = if items.len() == 1 || !item.items().is_empty() {
                        label.clone()
                    } else {
                        Message::new(keys::NUMBERED)
                            .with("label", label.clone())
                            .with("number", index.saturating_add(1))
                            .into()
                    };
                    if *self.left == 0 {
                        return;
                    }
                    self.labelled(numbered, name, item, depth, technical);
                }
            }
            Json::Object(_) if value.text("resourceType").is_some() => {
                let kind = value::resource_name(value.text("resourceType").unwrap_or_default(), self.visible);
                self.row(depth, label, vec![kind], technical);
                self.resource(value, deeper);
            }
            Json::Object(members) if name == "extension" || name == "modifierExtension" => {
                self.extension(members, value, depth, technical)
            }
            Json::Object(members) => {
                self.row(depth, label, Vec::new(), technical);
                for (name, part) in members {
                    if *self.left == 0 {
                        return;
                    }
                    self.field(name, part, deeper, technical);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    /// An extension: its definition's name is its label (<https://hl7.org/fhir/R4/extensibility.html>). Extensions of
    /// extensions follow one deeper.
    fn extension(
        &mut self,
        members: &[(std::borrow::Cow<'_, str>, Json<'_>)],
        extension: &Json<'_>,
        depth: usize,
        technical: bool,
    ) {
        let url = extension.text("url").unwrap_or_default();
        let name = url.rsplit(['/', '#']).next().unwrap_or_default();
        let label = keys::field(name).map_or_else(|| Words::Data(self.visible.value(&humanise(name), 120)), Words::key);
        let mut parts = members.iter().filter(|(member, _)| member != "url" && member != "id");
        match (parts.next(), parts.next()) {
            (Some((member, value)), None) if member.starts_with("value") => {
                self.labelled(label, member, value, depth, technical)
            }
            _ => {
                self.row(depth, label, Vec::new(), technical);
                for (member, part) in members.iter().filter(|(member, _)| member != "url") {
                    self.field(member, part, depth.saturating_add(1), technical);
                }
            }
        }
    }

    fn row(&mut self, depth: usize, label: Words, values: Vec<Words>, technical: bool) {
        if let Some(left) = self.left.checked_sub(1) {
            *self.left = left;
            self.rows.push(Field { depth, label, values, technical });
        }
    }
}

/// The first member that is the element `field`, a choice of types included.
pub(super) fn choice<'v, 't>(resource: &'v Json<'t>, field: &str) -> Option<(&'v str, &'v Json<'t>)> {
    resource.members().iter().find(|(name, _)| is_choice(name, field)).map(|(name, value)| (name.as_ref(), value))
}

fn is_choice(name: &str, field: &str) -> bool {
    match field.strip_suffix("[x]") {
        Some(stem) => name.strip_prefix(stem).is_some_and(|kind| CHOICES.contains(&kind)),
        None => name == field,
    }
}

/// The narrative repeats what the elements say, so it goes last, as text.
fn is_late(kind: &str, name: &str) -> bool {
    name == "text" || layout::is_technical(kind, name)
}

/// The catalogue's label of an element; of an unknown one its name as words.
fn label(name: &str, visible: &mut Visible) -> Words {
    match name.strip_prefix('_') {
        Some(element) => Message::new(keys::EXTENSION_OF).with("label", element_label(element, visible)).into(),
        None => element_label(name, visible),
    }
}

fn element_label(name: &str, visible: &mut Visible) -> Words {
    let stem = || CHOICES.iter().filter_map(|kind| name.strip_suffix(kind)).find_map(keys::field);
    match keys::field(name).or_else(stem) {
        Some(key) => Words::key(key),
        None => {
            let stem = PLAIN_CHOICES.iter().find_map(|kind| name.strip_suffix(kind)).filter(|stem| !stem.is_empty());
            Words::Data(visible.value(&humanise(stem.unwrap_or(name)), 120))
        }
    }
}
