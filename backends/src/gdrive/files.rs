//! Google Drive's interface for files, as far as the store uses it.
//!
//! A question is about one folder at a time. One about several at once (`'a' in parents or 'b' in parents`) would save
//! requests, but real servers sometimes leave out what lies in some of them and call the answer complete.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::google::{Answer, Api, Request, is_id, nonsense};
use crate::http::HttpError;
use crate::traffic::RequestKind;

/// What makes a file a folder.
pub(super) const FOLDER: &str = "application/vnd.google-apps.folder";

/// The fields of a file that the store needs.
pub(super) const FIELDS: &str = "id,name,mimeType,size,md5Checksum,createdTime,trashed";

/// A page of a thousand files with long names.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// How many ids are fetched at once.
const IDS: usize = 200;

/// A file or folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct File {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) mime_type: String,
    /// In digits; documents of Google's own have none.
    #[serde(default)]
    pub(super) size: Option<String>,
    #[serde(default)]
    pub(super) md5_checksum: Option<String>,
    #[serde(default)]
    pub(super) created_time: String,
    #[serde(default)]
    pub(super) trashed: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    next_page_token: Option<String>,
    #[serde(default)]
    incomplete_search: bool,
    files: Vec<File>,
}

#[derive(Debug, Deserialize)]
struct Ids {
    ids: Vec<String>,
}

impl File {
    pub(super) fn is_folder(&self) -> bool {
        self.mime_type == FOLDER
    }

    pub(super) fn bytes(&self) -> Option<u64> {
        self.size.as_ref()?.parse().ok()
    }
}

/// What to ask for in a folder.
pub(super) enum Wanted<'a> {
    /// Everything.
    All,
    /// The folders.
    Folders,
    /// The folders of a name.
    FoldersNamed(&'a str),
    /// The files of a name.
    FilesNamed(&'a str),
}

impl Wanted<'_> {
    fn question(&self, parent: &str) -> String {
        let condition = match self {
            Self::All => String::new(),
            Self::Folders => format!(" and mimeType = '{FOLDER}'"),
            Self::FoldersNamed(name) => {
                format!(" and mimeType = '{FOLDER}' and name = '{}'", quoted(name))
            }
            Self::FilesNamed(name) => {
                format!(" and mimeType != '{FOLDER}' and name = '{}'", quoted(name))
            }
        };
        format!("'{parent}' in parents and trashed = false{condition}")
    }
}

fn quoted(name: &str) -> String {
    name.replace('\\', "\\\\").replace('\'', "\\'")
}

impl Api {
    /// The top of the drive.
    pub(super) fn top(&self) -> &str {
        self.drive.as_deref().unwrap_or("root")
    }

    /// What of it lies in a folder, without what lies in the trash. A folder that is gone has nothing in it.
    pub(super) async fn find(
        &self,
        parent: &str,
        wanted: Wanted<'_>,
    ) -> Result<Vec<File>, HttpError> {
        let question = wanted.question(parent);
        let fields = format!("nextPageToken,incompleteSearch,files({FIELDS})");
        let mut query = vec![
            ("q", question.as_str()),
            ("fields", &fields),
            ("pageSize", "1000"),
            ("supportsAllDrives", "true"),
        ];
        if let Some(drive) = &self.drive {
            query.extend([
                ("includeItemsFromAllDrives", "true"),
                ("corpora", "drive"),
                ("driveId", drive),
            ]);
        }
        let mut files = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let mut url = self.endpoints.file_url("/drive/v3/files", &query);
            if let Some(token) = &token {
                url.query_pairs_mut().append_pair("pageToken", token);
            }
            let mut request = Request::new(RequestKind::List, Method::GET, url);
            request.answer_bytes_max = PAGE_BYTES_MAX;
            let answer = self.send(&request).await?;
            // The top is always there: if not, it is the wrong drive.
            if answer.status == 404 && parent != self.top() {
                return Ok(Vec::new());
            }
            let page: Page = answer.json()?;
            if page.incomplete_search || page.files.iter().any(|file| !is_id(&file.id)) {
                return Err(nonsense("Google Drive's listing is not complete"));
            }
            files.extend(page.files);
            if page.next_page_token.is_none() || page.next_page_token == token {
                return Ok(files);
            }
            token = page.next_page_token;
        }
    }

    /// Ids for files that are about to be made.
    pub(super) async fn new_ids(&self) -> Result<Vec<String>, HttpError> {
        let count = IDS.to_string();
        let query = [("count", count.as_str()), ("space", "drive"), ("fields", "ids")];
        let url = self.endpoints.file_url("/drive/v3/files/generateIds", &query);
        let answer = self.send(&Request::new(RequestKind::Other, Method::GET, url)).await?;
        let Ids { mut ids } = answer.json()?;
        ids.retain(|id| is_id(id));
        if ids.is_empty() { Err(nonsense("Google Drive gives no ids")) } else { Ok(ids) }
    }

    /// Makes a folder. That there is one of this id is fine: an earlier answer was lost.
    pub(super) async fn make_folder(
        &self,
        id: &str,
        name: &str,
        parent: &str,
    ) -> Result<(), HttpError> {
        let url = self.endpoints.file_url("/drive/v3/files", &[("supportsAllDrives", "true")]);
        let body = json!({ "id": id, "name": name, "mimeType": FOLDER, "parents": [parent] });
        let request = Request::new(RequestKind::Other, Method::POST, url)
            .body("application/json", body.to_string());
        let answer = self.send(&request).await?;
        if answer.is_success() || answer.status == 409 {
            return Ok(());
        }
        Err(answer.into_failure())
    }

    /// What is known of a file, also of one in the trash.
    pub(super) async fn metadata(&self, id: &str) -> Result<Option<File>, HttpError> {
        let url = self.file(id, &[("fields", FIELDS)]);
        let answer = self.send(&Request::new(RequestKind::Read, Method::GET, url)).await?;
        if answer.status == 404 { Ok(None) } else { answer.json().map(Some) }
    }

    /// The bytes of a file: at most `answer_bytes_max`, or of a range as HTTP writes it.
    pub(super) async fn media(
        &self,
        id: &str,
        range: Option<String>,
        answer_bytes_max: usize,
    ) -> Result<Answer, HttpError> {
        let url = self.file(id, &[("alt", "media")]);
        let mut request = Request::new(RequestKind::Read, Method::GET, url);
        request.answer_bytes_max = answer_bytes_max;
        if let Some(range) = range {
            request = request.header("range", range);
        }
        self.send(&request).await
    }

    /// Removes a file for ever; one that is gone is fine.
    pub(super) async fn remove(&self, id: &str) -> Result<(), HttpError> {
        let request = Request::new(RequestKind::Delete, Method::DELETE, self.file(id, &[]));
        self.gone(&request).await
    }

    /// Puts a file into the trash; one that is gone is fine.
    pub(super) async fn trash(&self, id: &str) -> Result<(), HttpError> {
        let body = Bytes::from_static(b"{\"trashed\":true}");
        let url = self.file(id, &[("fields", "id")]);
        let request = Request::new(RequestKind::Delete, Method::PATCH, url);
        self.gone(&request.body("application/json", body)).await
    }

    async fn gone(&self, request: &Request) -> Result<(), HttpError> {
        let answer = self.send(request).await?;
        let gone = answer.is_success() || answer.status == 404;
        if gone { Ok(()) } else { Err(answer.into_failure()) }
    }

    fn file(&self, id: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.endpoints.file_url(&format!("/drive/v3/files/{id}"), query);
        url.query_pairs_mut().append_pair("supportsAllDrives", "true");
        url
    }
}

/// What a new file is to be, for either kind of upload.
pub(super) fn new_file(id: &str, name: &str, parent: &str) -> Value {
    json!({
        "id": id,
        "name": name,
        "mimeType": "application/octet-stream",
        "parents": [parent],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_change_the_question() {
        let question = Wanted::FoldersNamed(r"it's a \ name' or '").question("p");
        assert!(question.ends_with(r"name = 'it\'s a \\ name\' or \''"), "{question}");
    }

    #[test]
    fn only_ids_pass_for_ids() {
        assert!(is_id("1A2b-_"));
        for bad in ["", "a/b", "a'b", "a b", "..", "a?b"] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
