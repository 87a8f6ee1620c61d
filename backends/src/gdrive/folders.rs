//! The folders of the repository, all of them.
//!
//! Names on Drive are not unique: two clients that make a folder at the same time make two. So a name stands for all folders
//! that have it: objects are looked for in every one, and put into the oldest, which is the same one for everybody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::try_join_all;
use tokio::sync::Mutex as AsyncMutex;

use super::files::{File, Wanted};
use super::ids::Ids;
use crate::google::{Api, nonsense};
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

/// The folders as they were seen at some time, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// One entry for each name of the path, for as far as it exists.
    levels: Vec<Vec<Folder>>,
    /// The folders of the repository, if the path exists down to there.
    repository: Vec<Folder>,
    /// Folders below these.
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
    /// As last seen.
    tree: Mutex<Arc<Tree>>,
    made: Mutex<Vec<Made>>,
    /// Locked while folders are made, so that this process does not race with itself.
    making: AsyncMutex<()>,
}

impl Tree {
    /// Ids of the folders of a name, or of the repository's own for an empty one; oldest first.
    pub(super) fn ids(&self, name: &str) -> Vec<String> {
        let folders = match name {
            "" => Some(&self.repository),
            _ => self.below.get(name),
        };
        folders.into_iter().flatten().map(|folder| folder.id.clone()).collect()
    }
}

impl Folders {
    pub(super) fn new(path: Vec<String>) -> Self {
        let (tree, made, making) = (Mutex::default(), Mutex::default(), AsyncMutex::default());
        Self { path, tree, made, making }
    }

    /// As they were last seen. Other calls may look at any time; who needs the present takes what [`Self::look`] gives.
    pub(super) fn known(&self) -> Arc<Tree> {
        Arc::clone(&self.tree())
    }

    /// Looks at the folders as they are now.
    pub(super) async fn look(&self, api: &Api) -> Result<Arc<Tree>, HttpError> {
        let before = self.known();
        let mut tree = Tree::default();
        let mut parents = vec![api.top().to_owned()];
        for (level, name) in self.path.iter().enumerate() {
            let found =
                try_join_all(parents.iter().map(|id| api.find(id, Wanted::FoldersNamed(name))));
            let found = found.await?.into_iter().flatten();
            let mut folders: Vec<Folder> =
                found.filter(File::is_folder).map(Folder::from).collect();
            keep_alive(api, name, before.levels.get(level), &mut folders).await?;
            self.complete(&Place::Level(level), &mut folders);
            if folders.is_empty() {
                break;
            }
            parents = folders.iter().map(|folder| folder.id.clone()).collect();
            tree.levels.push(folders);
        }
        if tree.levels.len() == self.path.len() {
            tree.repository = tree.levels.last().cloned().unwrap_or_default();
        }
        let found = try_join_all(tree.repository.iter().map(|f| api.find(&f.id, Wanted::Folders)));
        for file in found.await?.into_iter().flatten().filter(File::is_folder) {
            tree.below.entry(file.name.clone()).or_default().push(file.into());
        }
        let made = self.made().clone();
        for made in made {
            if let Place::Below(name) = made.place {
                tree.below.entry(name).or_default();
            }
        }
        for name in before.below.keys() {
            tree.below.entry(name.clone()).or_default();
        }
        for (name, folders) in &mut tree.below {
            keep_alive(api, name, before.below.get(name), folders).await?;
            self.complete(&Place::Below(name.clone()), folders);
        }
        let tree = Arc::new(tree);
        *self.tree() = Arc::clone(&tree);
        Ok(tree)
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
        *self.tree() = Arc::default();
    }

    /// The folder to put new objects into; made if there is none.
    pub(super) async fn target(
        &self,
        api: &Api,
        ids: &Ids,
        name: &str,
    ) -> Result<String, HttpError> {
        if let Some(id) = self.known().ids(name).into_iter().next() {
            return Ok(id);
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(id) = self.known().ids(name).into_iter().next() {
            return Ok(id);
        }
        let tree = self.look(api).await?;
        let mut parent = api.top().to_owned();
        for (level, title) in self.path.iter().enumerate() {
            let existing = tree.levels.get(level).and_then(|folders| folders.first());
            parent = match existing {
                Some(folder) => folder.id.clone(),
                None => self.make(api, ids, (Place::Level(level), title), &parent).await?,
            };
        }
        if !name.is_empty() && tree.ids(name).is_empty() {
            self.make(api, ids, (Place::Below(name.to_owned()), name), &parent).await?;
        }
        // Others may have made the same ones meanwhile; everybody takes the oldest.
        let target = self.look(api).await?.ids(name).into_iter().next();
        target.ok_or_else(|| nonsense("a new folder disappeared"))
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

    fn tree(&self) -> MutexGuard<'_, Arc<Tree>> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds folders that were there before, that the listing lacks, and that are still there when asked for by their ids: whoever
/// overlooks a folder overlooks everything in it.
async fn keep_alive(
    api: &Api,
    name: &str,
    before: Option<&Vec<Folder>>,
    folders: &mut Vec<Folder>,
) -> Result<(), HttpError> {
    for folder in before.into_iter().flatten() {
        // Without a time: made here and never listed.
        let was_listed = !folder.created.is_empty();
        if was_listed && !folders.iter().any(|listed| listed.id == folder.id) {
            let now = api.metadata(&folder.id).await?;
            if now.is_some_and(|now| now.is_folder() && !now.trashed && now.name == name) {
                folders.push(folder.clone());
            }
        }
    }
    Ok(())
}
