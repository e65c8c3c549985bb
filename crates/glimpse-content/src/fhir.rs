//! stub
use crate::json::Json;
pub(crate) fn is_fhir(root: &Json<'_>) -> bool {
    root.text("resourceType").is_some() || root.items().first().is_some_and(|r| r.text("resourceType").is_some())
}
use crate::charset::Visible;
use crate::view::ContentView;
pub(crate) fn view(_: &Json<'_>, _: &mut ContentView, _: &mut Visible) {}
