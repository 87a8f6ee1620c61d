//! The folders of the repository, all of them.
//!
//! Names on Drive are not unique: two clients that make a folder at the same time make two. So a name stands for all folders
//! that have it: objects are looked for in every one, and put into the oldest, which is the same one for everybody.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use tokio::sync::Mutex as AsyncMutex;

use super::api::Api;
use super::files::{File, Wanted};
use super::ids::Ids;
use crate::http::HttpError;

/// Ordered by age.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Folder {
    created: String,
    pub(super) id: String,
}

impl From<File> for Folder {
    fn from(file: File) -> Self {
        Self { created: file.created_time, id: file.id }
    }
}

/// The folders as they were last seen, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// One entry for each name of the path, for as far as it exists.
    levels: Vec<Vec<Folder>>,
    /// Folders below the last level.
    below: BTreeMap<String, Vec<Folder>>,
}

/// Folders that this process made: they count even while no listing shows them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    place: Place,
    id: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Level(usize),
    Below(String),
}

/// The folders of one repository.
pub(super) struct Folders {
    path: Vec<String>,
    tree: Mutex<Tree>,
    made: Mutex<Vec<Made>>,
    /// Locked while folders are made, so that this process does not race with itself.
    making: AsyncMutex<()>,
}

impl Tree {
    fn repository(&self, depth: usize) -> &[Folder] {
        depth.checked_sub(1).and_then(|last| self.levels.get(last)).map_or(&[], Vec::as_slice)
    }
}

impl Folders {
    pub(super) fn new(path: Vec<String>) -> Self {
        let (tree, made, making) = (Mutex::default(), Mutex::default(), AsyncMutex::default());
        Self { path, tree, made, making }
    }

    /// Ids of the folders of a name, or of the repository's own for an empty one, as last seen; oldest first.
    pub(super) fn known(&self, name: &str) -> Vec<String> {
        let tree = self.tree();
        let folders = match name {
            "" => tree.repository(self.path.len()),
            _ => tree.below.get(name).map_or(&[][..], Vec::as_slice),
        };
        folders.iter().map(|folder| folder.id.clone()).collect()
    }

    /// Looks at the folders as they are now.
    pub(super) async fn look(&self, api: &Api) -> Result<(), HttpError> {
        let mut tree = Tree::default();
        let mut parents = vec![api.top().to_owned()];
        for (level, name) in self.path.iter().enumerate() {
            let found =
                try_join_all(parents.iter().map(|id| api.find(id, Wanted::FoldersNamed(name))));
            let found = found.await?.into_iter().flatten();
            let mut folders: Vec<Folder> =
                found.filter(File::is_folder).map(Folder::from).collect();
            self.complete(&Place::Level(level), &mut folders);
            if folders.is_empty() {
                break;
            }
            parents = folders.iter().map(|folder| folder.id.clone()).collect();
            tree.levels.push(folders);
        }
        let repository = tree.repository(self.path.len());
        let found = try_join_all(repository.iter().map(|f| api.find(&f.id, Wanted::Folders)));
        for file in found.await?.into_iter().flatten().filter(File::is_folder) {
            tree.below.entry(file.name.clone()).or_default().push(file.into());
        }
        let made = self.made().clone();
        for made in made {
            if let Place::Below(name) = made.place {
                tree.below.entry(name).or_default();
            }
        }
        for (name, folders) in &mut tree.below {
            self.complete(&Place::Below(name.clone()), folders);
        }
        *self.tree() = tree;
        Ok(())
    }

    /// Adds what this process made and no listing shows yet, and sorts.
    fn complete(&self, place: &Place, folders: &mut Vec<Folder>) {
        let mut made = self.made();
        made.retain(|made| !folders.iter().any(|folder| folder.id == made.id));
        folders.sort_unstable();
        folders.dedup();
        // Last: whatever others see is older.
        let unseen = made.iter().filter(|made| made.place == *place);
        folders.extend(unseen.map(|made| Folder { created: String::new(), id: made.id.clone() }));
    }

    /// Whether a listing has shown every folder that this process made.
    pub(super) fn all_seen(&self) -> bool {
        self.made().is_empty()
    }

    /// Gives up waiting for folders that were made here and removed by somebody.
    pub(super) async fn drop_removed(&self, api: &Api) -> Result<(), HttpError> {
        let made = self.made().clone();
        for Made { id, .. } in made {
            if api.metadata(&id).await?.is_none_or(|folder| folder.trashed) {
                self.made().retain(|made| made.id != id);
            }
        }
        Ok(())
    }

    /// Forgets everything but what was made here and is not seen yet.
    pub(super) fn forget(&self) {
        *self.tree() = Tree::default();
    }

    /// The folder to put new objects into; made if there is none.
    pub(super) async fn target(
        &self,
        api: &Api,
        ids: &Ids,
        name: &str,
    ) -> Result<String, HttpError> {
        if let Some(id) = self.known(name).into_iter().next() {
            return Ok(id);
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(id) = self.known(name).into_iter().next() {
            return Ok(id);
        }
        self.look(api).await?;
        let mut parent = api.top().to_owned();
        for (level, title) in self.path.iter().enumerate() {
            let existing =
                self.tree().levels.get(level).and_then(|folders| folders.first().cloned());
            parent = match existing {
                Some(folder) => folder.id,
                None => self.make(api, ids, (Place::Level(level), title), &parent).await?,
            };
        }
        if !name.is_empty() && self.known(name).is_empty() {
            self.make(api, ids, (Place::Below(name.to_owned()), name), &parent).await?;
        }
        // Others may have made the same ones meanwhile; everybody takes the oldest.
        self.look(api).await?;
        let target = self.known(name).into_iter().next();
        target.ok_or_else(|| super::failure::nonsense("a new folder disappeared"))
    }

    async fn make(
        &self,
        api: &Api,
        ids: &Ids,
        (place, title): (Place, &str),
        parent: &str,
    ) -> Result<String, HttpError> {
        // No object has a slash at the end of its name.
        let key = match &place {
            Place::Level(level) => format!("{level}/"),
            Place::Below(name) => format!("below/{name}/"),
        };
        let claim = ids.claim(api, &key).await?;
        api.make_folder(&claim.attempt.id, title, parent).await?;
        let id = claim.attempt.id.clone();
        self.made().push(Made { place, id: id.clone() });
        claim.finish();
        Ok(id)
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
