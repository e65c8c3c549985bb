//! A JSON document as an indented list.

use crate::charset::Visible;
use crate::json::Json;
use crate::keys;
use crate::limits::{CELL_CHARS, NODES_SHOWN};
use crate::view::{Message, Node, Shape, Tree};

/// The nodes in the order of the document, with a notice where there are more than are shown.
pub(crate) fn tree(root: &Json<'_>, visible: &mut Visible) -> (Tree, Option<Message>) {
    let mut nodes = Vec::new();
    let complete = walk(None, root, 0, &mut nodes, visible);
    let notice = (!complete).then(|| Message::new(keys::NOTICE_NODES_CUT).with("shown", nodes.len()));
    (Tree { nodes }, notice)
}

/// False where the list is full. The reader bounds the depth.
fn walk(name: Option<&str>, value: &Json<'_>, depth: usize, nodes: &mut Vec<Node>, visible: &mut Visible) -> bool {
    if nodes.len() >= NODES_SHOWN {
        return false;
    }
    let name = name.map(|name| visible.value(name, CELL_CHARS));
    let mut leaf = |shape, text: String, size| nodes.push(Node { depth, name: name.clone(), shape, text, size });
    let deeper = depth.saturating_add(1);
    match value {
        Json::Null => leaf(Shape::Null, "null".to_owned(), None),
        Json::Bool(value) => leaf(Shape::Bool, value.to_string(), None),
        Json::Number(digits) => leaf(Shape::Number, visible.value(digits, CELL_CHARS), None),
        Json::String(text) => leaf(Shape::String, visible.value(text, CELL_CHARS), None),
        Json::Array(items) => {
            leaf(Shape::Array, String::new(), Some(items.len()));
            return items.iter().all(|item| walk(None, item, deeper, nodes, visible));
        }
        Json::Object(members) => {
            leaf(Shape::Object, String::new(), Some(members.len()));
            return members.iter().all(|(name, item)| walk(Some(name), item, deeper, nodes, visible));
        }
    }
    true
}
