//! FHIR R4 resources (<https://hl7.org/fhir/R4/>) as readable tables.
//!
//! One generic walker shows every element of every resource type, known or not; what is known of a type only sets its name,
//! the line on top and the order. Observations also become a table of measurements and charts. References are never
//! followed, so nothing can go in circles; narrative markup is reduced to its text.

mod fields;
mod layout;
mod observation;
mod value;

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::{FIELDS_SHOWN, RESOURCES_SHOWN};
use crate::readings::Readings;
use crate::view::{Block, ContentView, Fields, Message, Words};

use fields::Sheet;

/// Up to this many observations are also shown one by one, folded, under the table that sums them up.
const OBSERVATIONS_SHOWN: usize = 30;

/// True for a resource and for a list that begins with one.
pub(crate) fn is_fhir(root: &Json<'_>) -> bool {
    let is_resource = |value: &Json<'_>| {
        value
            .text("resourceType")
            .is_some_and(|name| name.bytes().next().is_some_and(|first| first.is_ascii_uppercase()))
    };
    is_resource(root) || (!root.items().is_empty() && root.items().iter().all(is_resource))
}

pub(crate) fn view(root: &Json<'_>, view: &mut ContentView, visible: &mut Visible) {
    let mut resources = Vec::new();
    collect(root, &mut resources);
    let is_observation = |resource: &&Json<'_>| resource.text("resourceType") == Some("Observation");
    let observations = resources.iter().copied().filter(is_observation).count();
    let mut readings = Readings::default();
    for resource in resources.iter().copied().filter(is_observation) {
        observation::read(resource, &mut readings, visible);
    }
    // A single plain measurement says all in its fields.
    let tabulated = readings.total > 1 || readings.tracks.run_over_time();
    if tabulated {
        readings.show(view);
    }
    let wrong = resources.iter().filter(|resource| is_entered_in_error(resource)).count();
    if wrong > 0 {
        view.notices.push(Message::new(keys::NOTICE_ENTERED_IN_ERROR).with("count", wrong));
    }
    let mut left = FIELDS_SHOWN;
    let is_list = root.text("resourceType") == Some("Bundle") || !root.items().is_empty();
    let mut blocks = Vec::new();
    if is_list {
        blocks.push(collection(root, resources.len(), &mut left, visible));
    }
    let listed = |resource: &&Json<'_>| !(tabulated && is_observation(resource) && observations > OBSERVATIONS_SHOWN);
    let total = resources.iter().copied().filter(listed).count();
    for resource in resources.iter().copied().filter(listed).take(RESOURCES_SHOWN) {
        let folded = is_list && tabulated && is_observation(&resource);
        blocks.push(fields(resource, folded, &mut left, visible));
    }
    if total > RESOURCES_SHOWN {
        view.notices.push(Message::new(keys::NOTICE_RESOURCES_CUT).with("shown", RESOURCES_SHOWN).with("total", total));
    }
    if left == 0 {
        view.notices.push(Message::new(keys::NOTICE_FIELDS_CUT));
    }
    // A collection introduces what follows; for a single resource the chart follows its fields.
    if is_list {
        let rest = blocks.split_off(blocks.len().min(1));
        view.blocks.splice(0..0, blocks);
        view.blocks.extend(rest);
    } else {
        view.blocks.splice(0..0, blocks);
    }
}

/// Entries that their author took back stay in the record and must not be relied on.
fn is_entered_in_error(resource: &Json<'_>) -> bool {
    const MARK: &str = "entered-in-error";
    let verification =
        resource.get("verificationStatus").and_then(|status| status.get("coding")?.items().first()?.text("code"));
    resource.text("status") == Some(MARK) || verification == Some(MARK)
}

/// The resources of bundles, of bundles in bundles, and of lists. The reader bounds the depth.
fn collect<'v, 't>(value: &'v Json<'t>, into: &mut Vec<&'v Json<'t>>) {
    if !value.items().is_empty() {
        value.items().iter().for_each(|item| collect(item, into));
    } else if value.text("resourceType") == Some("Bundle") {
        for entry in value.get("entry").map_or(&[][..], Json::items) {
            match entry.get("resource") {
                Some(resource) => collect(resource, into),
                // An entry without a resource (a response, a deletion) is shown by what it has.
                None => into.push(entry),
            }
        }
    } else {
        into.push(value);
    }
}

fn fields(resource: &Json<'_>, folded: bool, left: &mut usize, visible: &mut Visible) -> Block {
    let name = resource.text("resourceType").unwrap_or_default();
    let lead = layout::lead(name).iter().find_map(|field| {
        let (name, value) = fields::choice(resource, field)?;
        value::first(name, value, visible)
    });
    let heading = value::resource_name(name, visible);
    let mut sheet = Sheet::new(left, visible);
    sheet.resource(resource, 0);
    // The line on top is not said twice.
    sheet.rows.retain(|row| row.depth > 0 || lead.is_none() || row.values.as_slice() != lead.as_slice());
    Block::Fields(Fields { heading, lead, rows: sheet.rows, folded })
}

/// What a bundle says of itself.
fn collection(root: &Json<'_>, count: usize, left: &mut usize, visible: &mut Visible) -> Block {
    let heading = Words::from(Message::new(keys::COLLECTION).with("count", count));
    let mut sheet = Sheet::new(left, visible);
    for (name, value) in root.members() {
        // Entries follow one by one; what stands in their place and is no list is shown as it is.
        if name != "resourceType" && !(name == "entry" && matches!(value, Json::Array(_))) {
            sheet.field(name, value, 0, !matches!(name.as_ref(), "type" | "timestamp" | "total" | "entry"));
        }
    }
    Block::Fields(Fields { heading, lead: None, rows: sheet.rows, folded: false })
}

#[cfg(test)]
mod tests;
