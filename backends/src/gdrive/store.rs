//! The engine's [`Storage`] on Google Drive: objects are files, prefixes are folders.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use futures::future::{BoxFuture, try_join, try_join_all};
use futures::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use heirloom_engine::error::{ErrorKind, StorageError};
use heirloom_engine::repository::{
    Capabilities, Listed, OBJECT_BYTES_MAX, Storage, check_name, check_prefix,
};
use tokio::time::{self, Duration, Instant};

use super::config::Removal;
use super::copies::{Copies, Copy, sort};
use super::files::{File, Wanted};
use super::flags::{Flags, Sight, is_flag_folder};
use super::folders::{Folders, Tree};
use super::ids::Ids;
use super::upload::{Upload, Uploaded};
use crate::failure::Call;
use crate::google::{Api, failure, nonsense, storage_error};
use crate::http::HttpError;

/// How long an own flag may stay invisible.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Between two looks for an own flag; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// A folder of Google Drive.
pub(super) struct Drive {
    pub(super) api: Api,
    pub(super) folders: Folders,
    pub(super) ids: Ids,
    pub(super) copies: Copies,
    pub(super) flags: Flags,
    pub(super) removal: Removal,
    pub(super) settle: Duration,
    pub(super) parallel: usize,
}

/// Folder and name within it.
fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or(("", name))
}

impl Drive {
    async fn put_object(&self, name: &str, bytes: Bytes) -> Result<(), HttpError> {
        let (folder, title) = split(name);
        // Twice, because the folder that is known may be gone by now.
        for _ in 0..2 {
            let target = self.folders.target(&self.api, &self.ids, folder).await?;
            let mut claim = self.ids.claim(&self.api, name).await?;
            // Beforehand: if the answer is lost, it may be there all the same.
            self.flags.put(name, &claim.attempt.id, Instant::now());
            let upload = Upload { name: title, folder: &target, bytes: bytes.clone() };
            match upload.run(&self.api, &mut claim.attempt).await? {
                Uploaded::Whole(file) => {
                    // Once more: a listing meanwhile may have taken it for removed.
                    self.flags.put(name, &file.id, Instant::now());
                    self.copies.add(name, Copy::of(file));
                    claim.finish();
                    return Ok(());
                }
                Uploaded::NoFolder => claim.attempt.session = None,
                Uploaded::InTrash => {
                    self.flags.deleted(name);
                    self.api.remove(&claim.attempt.id).await?;
                    claim.finish();
                }
                Uploaded::Damaged => {
                    self.flags.deleted(name);
                    self.api.remove(&claim.attempt.id).await?;
                    claim.finish();
                    return Err(nonsense("other bytes arrived at Google Drive than were sent"));
                }
            }
            self.folders.forget();
            self.folders.drop_removed(&self.api).await?;
        }
        Err(failure(ErrorKind::Unreachable, true, "the folder disappears again and again"))
    }

    /// The copies that a listing shows now.
    async fn look_up(&self, name: &str) -> Result<Vec<Copy>, HttpError> {
        let (folder, title) = split(name);
        let before = self.folders.known().ids(folder);
        let found = self.named(&before, title).await?;
        if !found.is_empty() {
            return Ok(self.copies.add(name, found));
        }
        let now = self.folders.look(&self.api).await?.ids(folder);
        if now == before {
            return Ok(Vec::new());
        }
        let found = self.named(&now, title).await?;
        if found.is_empty() { Ok(found) } else { Ok(self.copies.add(name, found)) }
    }

    async fn named(&self, folders: &[String], title: &str) -> Result<Vec<Copy>, HttpError> {
        let found = folders.iter().map(|id| self.api.find(id, Wanted::FilesNamed(title)));
        let found = try_join_all(found).await?.into_iter().flatten();
        let found = found.filter(|file| file.name == title && !self.copies.is_removed(&file.id));
        let mut copies: Vec<Copy> = found.filter_map(Copy::of).collect();
        sort(&mut copies);
        Ok(copies)
    }

    async fn read_object(
        &self,
        name: &str,
        range: Option<&Range<u64>>,
    ) -> Result<Bytes, HttpError> {
        let known = self.copies.get(name);
        // A file in the trash can still be read by its id. Packs and segments are the same bytes there, and there are many
        // of them; of the others it is asked whether they still are where they were.
        let (folder, _) = split(name);
        let bulk = matches!(folder, "packs" | "index");
        for copy in &known {
            if let Some(bytes) = self.read_copy(copy, range, !bulk).await? {
                return Ok(bytes);
            }
        }
        self.copies.forget(name);
        let mut copies = self.look_up(name).await?;
        if copies.is_empty() && bulk && !self.settle.is_zero() {
            // The name came from a segment of the index or a listing: the file may only be late.
            time::sleep(self.settle).await;
            copies = self.look_up(name).await?;
        }
        let found = copies.len();
        for copy in &copies {
            if let Some(bytes) = self.read_copy(copy, range, false).await? {
                return Ok(bytes);
            }
        }
        self.copies.forget(name);
        if found == 0 {
            Err(failure(ErrorKind::NotFound, false, "there is no file of this name"))
        } else {
            Err(nonsense("no copy of the object could be read as it was written"))
        }
    }

    /// `None` if the file is gone or damaged.
    async fn read_copy(
        &self,
        copy: &Copy,
        range: Option<&Range<u64>>,
        check: bool,
    ) -> Result<Option<Bytes>, HttpError> {
        let alive = async {
            if !check {
                return Ok(true);
            }
            Ok(self.api.metadata(&copy.id).await?.is_some_and(|file| !file.trashed))
        };
        let bytes = async {
            match range {
                Some(range) => self.read_range(copy, range).await,
                None => self.read_whole(copy).await,
            }
        };
        let (alive, bytes) = try_join(alive, bytes).await?;
        Ok(bytes.filter(|_| alive))
    }

    async fn read_whole(&self, copy: &Copy) -> Result<Option<Bytes>, HttpError> {
        let limit = usize::try_from(OBJECT_BYTES_MAX).unwrap_or(usize::MAX);
        let answer = self.api.media(&copy.id, None, limit).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        if answer.status != 200 {
            return Err(answer.into_failure());
        }
        let whole = match &copy.md5 {
            Some(md5) => *md5 == super::digest::md5_of(answer.body.clone()).await,
            None => u64::try_from(answer.body.len()) == Ok(copy.size),
        };
        Ok(whole.then_some(answer.body))
    }

    /// The range is not longer than an object can be.
    async fn read_range(
        &self,
        copy: &Copy,
        range: &Range<u64>,
    ) -> Result<Option<Bytes>, HttpError> {
        let beyond = || failure(ErrorKind::Protocol, false, "the range reaches beyond the end");
        if range.is_empty() {
            // HTTP has no empty ranges; the object must still exist and reach that far.
            let file = self.api.metadata(&copy.id).await?.and_then(Copy::of);
            return match file {
                Some(file) if range.start > file.size => Err(beyond()),
                file => Ok(file.map(|_| Bytes::new())),
            };
        }
        let wanted = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let text = format!("bytes={}-{}", range.start, range.end - 1);
        let answer = self.api.media(&copy.id, Some(text), wanted).await?;
        match answer.status {
            404 => Ok(None),
            206 if answer.body.len() == wanted => Ok(Some(answer.body)),
            206 | 416 => Err(beyond()),
            200 => Err(nonsense("the answer is not the range that was asked for")),
            _ => Err(answer.into_failure()),
        }
    }

    async fn delete_object(&self, name: &str) -> Result<(), HttpError> {
        let mut ids: BTreeSet<String> = self.copies.get(name).into_iter().map(|c| c.id).collect();
        ids.extend(self.look_up(name).await?.into_iter().map(|copy| copy.id));
        // An attempt that failed may have succeeded.
        ids.extend(self.ids.give_up(name));
        for id in &ids {
            match self.removal {
                Removal::Forever => self.api.remove(id).await?,
                Removal::Trash => self.api.trash(id).await?,
            }
            self.copies.note_removed(id);
        }
        self.copies.forget(name);
        self.flags.deleted(name);
        Ok(())
    }

    /// Everything in a folder. Of flags, only when everybody sees what this process put.
    async fn list_folder(&self, folder: &str) -> Result<Vec<Listed>, HttpError> {
        let mut found = if is_flag_folder(folder) {
            self.list_settled(Some(folder)).await?
        } else {
            self.scan(&BTreeSet::from([folder.to_owned()])).await?
        };
        found.retain(|name, _| name == folder);
        Ok(self.listed(found))
    }

    /// Waits until everybody sees what this process put, and then lists a folder, if one is asked for.
    async fn list_settled(
        &self,
        folder: Option<&str>,
    ) -> Result<BTreeMap<String, Vec<File>>, HttpError> {
        let deadline = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let mut wanted = self.flags.folders(Instant::now());
            let is_shown = wanted.is_empty() && self.folders.all_seen();
            wanted.extend(folder.map(str::to_owned));
            let idle = folder.is_none() && is_shown;
            let found = if idle { BTreeMap::new() } else { self.scan(&wanted).await? };
            let now = Instant::now();
            for file in found.values().flatten() {
                self.flags.shown(&file.id, now);
            }
            match self.flags.sight(self.settle, now) {
                Sight::From(time) if self.folders.all_seen() => {
                    if time <= now {
                        self.flags.drop_settled(self.settle, now);
                        return Ok(found);
                    }
                    time::sleep_until(time).await;
                }
                Sight::From(_) | Sight::Missing => {
                    if now >= deadline {
                        let message = "Google Drive's listings still do not show what was put";
                        return Err(failure(ErrorKind::Unreachable, false, message));
                    }
                    time::sleep(pause).await;
                    pause = LAST_PAUSE.min(pause * 2);
                    self.drop_removed().await?;
                }
            }
        }
    }

    /// Nothing that somebody else has removed meanwhile is waited for.
    async fn drop_removed(&self) -> Result<(), HttpError> {
        for (name, id) in self.flags.missing() {
            if self.api.metadata(&id).await?.is_none_or(|file| file.trashed) {
                self.flags.deleted(&name);
            }
        }
        self.folders.drop_removed(&self.api).await
    }

    /// What lies in the folders of these names. Folders are looked for at the same time, and listed again if there are others
    /// than were known.
    async fn scan(
        &self,
        names: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, Vec<File>>, HttpError> {
        let folders = |tree: &Tree| -> Vec<(String, Vec<String>)> {
            names.iter().map(|name| (name.clone(), tree.ids(name))).collect()
        };
        let before = folders(&self.folders.known());
        let (found, tree) = try_join(self.files_in(&before), self.folders.look(&self.api)).await?;
        let now = folders(&tree);
        if now == before { Ok(found) } else { self.files_in(&now).await }
    }

    async fn files_in(
        &self,
        folders: &[(String, Vec<String>)],
    ) -> Result<BTreeMap<String, Vec<File>>, HttpError> {
        let found = folders.iter().map(async |(name, ids)| {
            let files = try_join_all(ids.iter().map(|id| self.api.find(id, Wanted::All))).await?;
            Ok::<_, HttpError>((name.clone(), files.into_iter().flatten().collect()))
        });
        Ok(try_join_all(found).await?.into_iter().collect())
    }

    fn listed(&self, found: BTreeMap<String, Vec<File>>) -> Vec<Listed> {
        let mut objects: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
        for (folder, files) in found {
            for file in files.into_iter().filter(|file| !self.copies.is_removed(&file.id)) {
                let name = match folder.as_str() {
                    "" => file.name.clone(),
                    folder => format!("{folder}/{}", file.name),
                };
                let one_part = !file.name.contains('/') && check_name(&name).is_ok();
                if let Some(copy) = Copy::of(file).filter(|_| one_part) {
                    objects.entry(name).or_default().push(copy);
                }
            }
        }
        let mut listed = Vec::with_capacity(objects.len());
        for (name, mut copies) in objects {
            sort(&mut copies);
            listed
                .extend(copies.first().map(|copy| Listed { name: name.clone(), size: copy.size }));
            self.copies.add(&name, copies);
        }
        listed
    }
}

impl Storage for Drive {
    fn put<'a>(&'a self, name: &'a str, bytes: Bytes) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::put(name, &bytes)?;
            self.put_object(name, bytes).await.map_err(|e| storage_error(call, e))
        })
    }

    fn read<'a>(
        &'a self,
        name: &'a str,
        range: Option<Range<u64>>,
    ) -> BoxFuture<'a, Result<Bytes, StorageError>> {
        Box::pin(async move {
            let call = Call::on("read", name)?;
            if let Some(range) = &range {
                let wanted = range.end.checked_sub(range.start);
                if wanted.is_none_or(|wanted| wanted > OBJECT_BYTES_MAX) {
                    return Err(call.protocol("the range makes no sense"));
                }
            }
            let read = self.read_object(name, range.as_ref()).await;
            read.map_err(|e| storage_error(call, e))
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Listed, StorageError>> {
        let call = Call { operation: "list", object: prefix };
        let entries = async move {
            check_prefix(prefix).map_err(|e| call.refused_name(e))?;
            let folder = prefix.strip_suffix('/').unwrap_or(prefix);
            let listed = self.list_folder(folder).await.map_err(|e| storage_error(call, e))?;
            Ok(stream::iter(listed).map(Ok))
        };
        stream::once(entries).try_flatten().boxed()
    }

    fn settle(&self) -> BoxFuture<'_, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call { operation: "list", object: "index/" };
            self.list_settled(None).await.map(drop).map_err(|e| storage_error(call, e))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<(), StorageError>> {
        Box::pin(async move {
            let call = Call::on("delete", name)?;
            self.delete_object(name).await.map_err(|e| storage_error(call, e))
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { parallel: self.parallel, uploads: 3, atomic_put: true }
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("removal", &self.removal).finish_non_exhaustive()
    }
}
