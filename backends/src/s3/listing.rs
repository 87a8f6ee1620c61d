//! Looks a page of a listing over before OpenDAL does, which takes every key for one below the root and panics where it
//! is not.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::webdav::multistatus::entity;

const OUTSIDE: &str = "the listing names something outside the folder";
const NOT_XML: &str = "the listing is not the XML that S3 wants";

/// An error unless every key, and every folder, of the page begins with the prefix that the query asks for.
pub(crate) fn check(body: &[u8], query: &str) -> Result<(), &'static str> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let prefix = pairs.find(|(key, _)| key == "prefix").map(|(_, prefix)| prefix);
    let prefix = prefix.unwrap_or_default();
    let text = std::str::from_utf8(body).or(Err(NOT_XML))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<String> = Vec::new();
    let mut name = String::new();
    loop {
        match reader.read_event().or(Err(NOT_XML))? {
            Event::Start(tag) => {
                open.push(tag.local_name().as_ref().to_owned());
                name.clear();
            }
            Event::Empty(tag) if is_name(&open, tag.local_name().as_ref()) => {
                return Err(OUTSIDE);
            }
            Event::End(_) => {
                let tag = open.pop().unwrap_or_default();
                if is_name(&open, &tag) && !name.starts_with(&*prefix) {
                    return Err(OUTSIDE);
                }
                name.clear();
            }
            Event::Text(text) => name.push_str(text.as_ref()),
            Event::CData(text) => name.push_str(text.as_ref()),
            Event::GeneralRef(reference) => {
                name.push_str(&entity(reference.as_ref()).ok_or(NOT_XML)?);
            }
            Event::Eof => return Ok(()),
            Event::Empty(_)
            | Event::Decl(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::DocType(_) => {}
        }
    }
}

fn is_name(open: &[String], tag: &str) -> bool {
    matches!(
        (open.last().map(String::as_str), tag),
        (Some("Contents"), "Key") | (Some("CommonPrefixes"), "Prefix")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(entry: &str) -> String {
        format!("<ListBucketResult><Prefix>x/</Prefix>{entry}</ListBucketResult>")
    }

    #[test]
    fn names_below_the_prefix_are_fine_and_others_are_not() {
        let query = "list-type=2&prefix=x%2Fp%26%2F&delimiter=%2F";
        for entry in [
            "",
            "<Contents><Key>x/p&amp;/a</Key><Owner><ID>y</ID></Owner></Contents>",
            "<CommonPrefixes><Prefix>x/p&#38;/b/</Prefix></CommonPrefixes>",
        ] {
            assert_eq!(check(page(entry).as_bytes(), query), Ok(()), "{entry}");
        }
        for entry in [
            "<Contents><Key>y</Key></Contents>",
            "<Contents><Key></Key></Contents>",
            "<Contents><Key/></Contents>",
            "<CommonPrefixes><Prefix>x/q/</Prefix></CommonPrefixes>",
        ] {
            assert_eq!(check(page(entry).as_bytes(), query), Err(OUTSIDE), "{entry}");
        }
        assert_eq!(check(b"<a></b>", query), Err(NOT_XML));
        assert_eq!(check(page("<Contents><Key>any</Key></Contents>").as_bytes(), ""), Ok(()));
    }
}
