//! The small signs before names.

use heirloom_engine::tree::Kind;
use maud::{Markup, PreEscaped, html};

use super::media::Promise;

const FOLDER: &str = r#"<path d="M3 6.5A1.5 1.5 0 0 1 4.5 5h4l2 2.5h9A1.5 1.5 0 0 1 21 9v9a1.5 1.5 0 0 1-1.5 1.5h-15A1.5 1.5 0 0 1 3 18z"/>"#;
const FILE: &str = r#"<path d="M6 3.5h8l4.5 4.5v12.5H6zM14 3.5V8h4.5"/>"#;
const PICTURE: &str =
    r#"<path d="M4 5h16v14H4zM4 16l5-5 4 4 2.5-2.5L20 17"/><circle cx="15.5" cy="9" r="1.3"/>"#;
const VIDEO: &str = r#"<path d="M4 5h16v14H4zM10 9v6l5-3z"/>"#;
const AUDIO: &str = r#"<path d="M9 17.5V6l9-2v11.5"/><circle cx="6.8" cy="17.5" r="2.2"/><circle cx="15.8" cy="15.5" r="2.2"/>"#;
const LINK: &str = r#"<path d="M10 14a4 4 0 0 0 6 .4l2.6-2.6a4 4 0 0 0-5.6-5.6l-1.5 1.5M14 10a4 4 0 0 0-6-.4l-2.6 2.6a4 4 0 0 0 5.6 5.6l1.5-1.5"/>"#;
const OTHER: &str = r#"<path d="M12 4l8 8-8 8-8-8z"/>"#;

/// The sign of an entry.
pub(crate) fn sign(kind: Kind, promise: Promise) -> Markup {
    let (class, path) = match (kind, promise) {
        (Kind::Folder, _) => ("folder", FOLDER),
        (Kind::Symlink, _) => ("link", LINK),
        (Kind::File, Promise::Picture) => ("picture", PICTURE),
        (Kind::File, Promise::Video) => ("video", VIDEO),
        (Kind::File, Promise::Audio) => ("audio", AUDIO),
        (Kind::File, Promise::Nothing) => ("file", FILE),
        (Kind::Fifo | Kind::Socket | Kind::CharDevice | Kind::BlockDevice, _) => ("other", OTHER),
    };
    html! {
        svg class={ "sign " (class) } viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" {
            (PreEscaped(path))
        }
    }
}
