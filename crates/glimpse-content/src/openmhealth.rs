//! stub
use crate::json::Json;
pub(crate) fn is_data(root: &Json<'_>) -> bool {
    let _ = root;
    false
}
use crate::charset::Visible;
use crate::view::ContentView;
pub(crate) fn view(_: &Json<'_>, _: &mut ContentView, _: &mut Visible) {}
