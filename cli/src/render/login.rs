//! What people read while they log in.

use std::path::Path;

use super::names;

/// What the browser shows at the end.
pub(crate) const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Heirloom</title>\
    <p>Heirloom has its answer. You may close this page and go back to the terminal.</p></html>\n";

/// Where to go with the browser of this machine.
pub(crate) fn browser(url: &str) -> String {
    format!(
        "Open this page in a browser on this machine, and allow access:\n\n  {}\n\n\
         Waiting for the browser to come back; Ctrl-C gives up.\n",
        names::shown(url.as_bytes())
    )
}

/// Where to go with another device, and what to type there.
pub(crate) fn device(url: &str, code: &str) -> String {
    format!(
        "On any device, open {} and type the code\n\n  {}\n\n\
         Waiting for that; Ctrl-C gives up.\n",
        names::shown(url.as_bytes()),
        names::shown(code.as_bytes())
    )
}

/// That it worked.
pub(crate) fn done(file: &Path) -> String {
    format!("Logged in; what is needed for it lies in {}\n", names::path(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_the_server_cannot_control_the_terminal() {
        let text = device("https://example.org", "AB\u{1b}[2JCD");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}
