//! Answers to PROPFIND, reduced to what was asked for.
//!
//! Servers write them in many ways: whole URLs, doubled slashes, entries of deeper folders, no date of change. OpenDAL
//! takes every path for one below the root and panics where it is not. So nothing of the answer is passed on but names
//! that objects can have and their sizes, in words of our own. An entry outside the folder is an error: to leave it out
//! could make a full folder look empty.

use std::fmt::Write as _;

use heirloom_engine::repository::check_name;
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::address::percent_decode;

const DEPTH_MAX: usize = 32;
/// An href is at most a few kilobytes long; the other texts are shorter.
const TEXT_BYTES_MAX: usize = 16 << 10;

const NOT_XML: &str = "the listing is not the XML that WebDAV wants";
const TOO_DEEP: &str = "the listing is nested too deeply, or a name in it is too long";
const OUTSIDE: &str = "the listing names something outside the folder";
const NO_SIZE: &str = "the listing gives no size for an object";

/// One thing of a listing, as the server put it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    href: String,
    size: Option<u64>,
    folder: bool,
}

/// The objects directly in the folder at `path`, which is a path as it stands in a URL.
pub(crate) fn canonical_listing(body: &[u8], path: &str) -> Result<Vec<u8>, &'static str> {
    let folder = plain_path(path).ok_or(OUTSIDE)?;
    let mut listing = begin();
    for entry in entries(body)? {
        let place = plain_path(&entry.href).ok_or(OUTSIDE)?;
        if place == folder {
            continue;
        }
        let below = match folder.as_str() {
            "" => place.strip_prefix('/'),
            folder => place.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
        };
        let name = below.ok_or(OUTSIDE)?;
        if name.contains('/') || check_name(name).is_err() || entry.folder {
            continue;
        }
        let size = entry.size.ok_or(NO_SIZE)?;
        add(&mut listing, &format!("{}/{name}", path.trim_end_matches('/')), Some(size));
    }
    Ok(end(listing))
}

/// The first entry, whatever it calls itself.
pub(crate) fn canonical_entry(body: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut listing = begin();
    if let Some(entry) = entries(body)?.into_iter().next() {
        let size = if entry.folder { None } else { Some(entry.size.ok_or(NO_SIZE)?) };
        add(&mut listing, "/", size);
    }
    Ok(end(listing))
}

fn begin() -> String {
    "<multistatus>".to_owned()
}

fn end(mut listing: String) -> Vec<u8> {
    listing.push_str("</multistatus>");
    listing.into_bytes()
}

/// A folder has no size. OpenDAL insists on a date.
fn add(listing: &mut String, href: &str, size: Option<u64>) {
    let kind = match size {
        Some(size) => format!("<getcontentlength>{size}</getcontentlength><resourcetype/>"),
        None => "<resourcetype><collection/></resourcetype>".to_owned(),
    };
    let written = write!(
        listing,
        "<response><href>{href}</href><propstat><prop>{kind}<getlastmodified>Thu, 01 Jan 1970 \
         00:00:00 GMT</getlastmodified></prop><status>HTTP/1.1 200 OK</status></propstat></response>"
    );
    debug_assert!(written.is_ok(), "a string takes everything");
}

/// Decoded, without host, doubled slashes and a slash at the end; empty for the root.
fn plain_path(href: &str) -> Option<String> {
    let path = match href.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |start| rest.get(start..).unwrap_or_default()),
        None => href,
    };
    if !path.is_empty() && !path.starts_with('/') {
        return None;
    }
    let path = String::from_utf8(percent_decode(path.as_bytes())?).ok()?;
    let parts = path.split('/').filter(|part| !part.is_empty());
    Some(parts.fold(String::with_capacity(path.len()), |all, part| all + "/" + part))
}

fn entries(body: &[u8]) -> Result<Vec<Entry>, &'static str> {
    let text = std::str::from_utf8(body).or(Err(NOT_XML))?;
    let mut reader = Reader::from_str(text);
    let mut walk = Walk::default();
    loop {
        match reader.read_event().or(Err(NOT_XML))? {
            Event::Start(tag) => walk.enter(tag.local_name().as_ref())?,
            Event::Empty(tag) => {
                walk.enter(tag.local_name().as_ref())?;
                walk.leave();
            }
            Event::End(_) => walk.leave(),
            Event::Text(text) => walk.text(text.as_ref())?,
            Event::CData(text) => walk.text(text.as_ref())?,
            Event::GeneralRef(name) => walk.text(&entity(name.as_ref()).ok_or(NOT_XML)?)?,
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if walk.seen_root && walk.open.is_empty() { Ok(walk.done) } else { Err(NOT_XML) }
}

/// What stands between `&` and `;`. Entities of a document type are never expanded.
pub(crate) fn entity(name: &str) -> Option<String> {
    let found = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some(found.to_string())
}

#[derive(Default)]
struct Walk {
    open: Vec<String>,
    text: String,
    seen_root: bool,
    entry: Entry,
    /// Properties of one `propstat`, which count only if its status says so.
    found: Entry,
    refused: bool,
    done: Vec<Entry>,
}

impl Walk {
    fn enter(&mut self, name: &str) -> Result<(), &'static str> {
        if self.open.len() >= DEPTH_MAX {
            return Err(TOO_DEEP);
        }
        if self.open.is_empty() && name != "multistatus" {
            return Err(NOT_XML);
        }
        self.seen_root = true;
        self.open.push(name.to_owned());
        self.text.clear();
        match self.place().as_slice() {
            ["multistatus", "response"] => self.entry = Entry::default(),
            ["multistatus", "response", "propstat"] => {
                self.found = Entry::default();
                self.refused = false;
            }
            [.., "propstat", "prop", "resourcetype", "collection"] => self.found.folder = true,
            _ => {}
        }
        Ok(())
    }

    fn leave(&mut self) {
        let text = std::mem::take(&mut self.text);
        let text = text.trim();
        match self.place().as_slice() {
            ["multistatus", "response", "href"] => text.clone_into(&mut self.entry.href),
            [.., "propstat", "prop", "getcontentlength"] => self.found.size = text.parse().ok(),
            [.., "propstat", "status"] => {
                let code = text.split_whitespace().nth(1).unwrap_or_default();
                self.refused = !code.starts_with('2');
            }
            ["multistatus", "response", "propstat"] if !self.refused => {
                self.entry.size = self.found.size.or(self.entry.size);
                self.entry.folder |= self.found.folder;
            }
            ["multistatus", "response"] => self.done.push(std::mem::take(&mut self.entry)),
            _ => {}
        }
        self.open.pop();
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        let wanted = self
            .open
            .last()
            .is_some_and(|name| matches!(name.as_str(), "href" | "getcontentlength" | "status"));
        if !wanted {
            return Ok(());
        }
        if self.text.len() + text.len() > TEXT_BYTES_MAX {
            return Err(TOO_DEEP);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn place(&self) -> Vec<&str> {
        self.open.iter().map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(href: &str, props: &str) -> String {
        format!(
            "<D:response><D:href>{href}</D:href><D:propstat><D:prop>{props}</D:prop>\
             <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>"
        )
    }

    fn multistatus(responses: &[String]) -> String {
        let responses = responses.concat();
        format!(
            "<?xml version=\"1.0\"?>\n<D:multistatus xmlns:D=\"DAV:\">{responses}</D:multistatus>"
        )
    }

    fn names(body: &str, path: &str) -> Result<Vec<(String, Option<u64>)>, &'static str> {
        let listing = canonical_listing(body.as_bytes(), path)?;
        Ok(entries(&listing)?.into_iter().map(|entry| (entry.href, entry.size)).collect())
    }

    const SIZE: &str = "<D:getcontentlength>7</D:getcontentlength><D:resourcetype/>";
    const FOLDER: &str = "<D:resourcetype><D:collection/></D:resourcetype>";

    #[test]
    fn hrefs_of_every_kind_name_the_same_object() {
        for href in [
            "/dav/a%20b/packs/00ff",
            "/dav/a b//packs/00ff",
            "http://host:81/dav/a%20b/packs/00ff",
            "https://host/dav/%61%20b/packs/00f%66",
        ] {
            let folder = href.replace("00ff", "").replace("00f%66", "");
            let body = multistatus(&[response(&folder, FOLDER), response(href, SIZE)]);
            let expected = vec![("/dav/a%20b/packs/00ff".to_owned(), Some(7))];
            assert_eq!(names(&body, "/dav/a%20b/packs/"), Ok(expected), "{href}");
        }
    }

    #[test]
    fn folders_and_foreign_files_and_deeper_entries_are_left_out() {
        let body = multistatus(&[
            response("/dav/", FOLDER),
            response("/dav/packs", FOLDER),
            response("/dav/packs/", FOLDER),
            response("/dav/.htaccess", SIZE),
            response("/dav/A%2fb", SIZE),
            response("/dav/packs/00", SIZE),
            response("/dav/heirloom.json", SIZE),
        ]);
        let expected = vec![("/dav/heirloom.json".to_owned(), Some(7))];
        assert_eq!(names(&body, "/dav/"), Ok(expected));
    }

    #[test]
    fn an_entry_outside_the_folder_is_an_error() {
        for href in ["/other/00", "/dav/packs2/00", "http://host", "", "packs/00", "/dav/%zz"] {
            let body = multistatus(&[response(href, SIZE)]);
            assert_eq!(names(&body, "/dav/packs/"), Err(OUTSIDE), "{href}");
        }
    }

    #[test]
    fn an_object_without_a_size_is_an_error() {
        let body = multistatus(&[response("/d/00", "<D:resourcetype/>")]);
        assert_eq!(names(&body, "/d/"), Err(NO_SIZE));
        let refused = body.replace("200 OK", "404 Not Found").replace("<D:resourcetype/>", SIZE);
        assert_eq!(names(&refused, "/d/"), Err(NO_SIZE));
    }

    #[test]
    fn what_is_no_listing_is_an_error() {
        let deep = format!("<multistatus>{}", "<a>".repeat(40));
        let entity = "<!DOCTYPE a [<!ENTITY x \"y\">]><multistatus><response><href>&x;</href>";
        for body in ["", "<html/>", "<multistatus>", "no", &deep, entity, "<multistatus></b>"] {
            assert!(canonical_listing(body.as_bytes(), "/").is_err(), "{body}");
        }
        assert!(canonical_listing(b"\xff", "/").is_err());
        assert_eq!(names("<multistatus/>", "/"), Ok(Vec::new()));
    }
}
