//! Key slots: who can get in, and how.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::description::Description;
use super::open::list;
use super::{Context, Repository, RepositoryError, Storage};
use crate::clock::random;
use crate::crypto::{
    Bundle, Credential, Keys, ObjectKind, Recipient, SlotError, SlotKind, open_bundle,
    open_bundle_with, padded_map, parse_padded_map, seal_bundle, slot_kind,
};
use crate::error::ErrorKind;
use crate::id::SlotId;

/// A slot to be made.
#[derive(Debug)]
pub struct NewSlot {
    /// Who can open it.
    pub recipient: Recipient,
    /// What people call it.
    pub label: String,
    /// Whether it is the recovery key.
    pub recovery: bool,
}

/// A slot of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its name.
    pub id: SlotId,
    /// `passphrase`, `identity`, `ssh`, `plugin` or `recovery`; `damaged` if its file cannot be read.
    pub kind: String,
    /// What people call it.
    pub label: String,
    /// When it was made, in nanoseconds since 1970, if known.
    pub created_ns: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    kind: String,
    label: String,
    role: String,
    created: i64,
    /// BLAKE3 of the slot's file, so that damage to it shows without the credential that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "serde_bytes")]
    hash: Option<[u8; 32]>,
}

/// Why no slot opened: the most telling of the reasons.
#[derive(Default)]
struct SlotFailure {
    wrong_key: bool,
    other: Option<SlotError>,
}

impl SlotFailure {
    fn note(&mut self, error: SlotError) {
        if matches!(error, SlotError::WrongKey) {
            self.wrong_key = true;
        } else {
            self.other.get_or_insert(error);
        }
    }

    fn into_error(self) -> RepositoryError {
        match self.other {
            // What is wrong with the caller's key file matters more than that nothing else fitted.
            Some(
                error @ (SlotError::KeyFileUnusable { .. }
                | SlotError::KeyFileLocked { .. }
                | SlotError::KeyFilePassphrase { .. }
                | SlotError::PluginMissing { .. }
                | SlotError::Plugin { .. }),
            ) => RepositoryError::Slot(error),
            _ if self.wrong_key => RepositoryError::WrongKey,
            Some(error) => RepositoryError::Slot(error),
            None => RepositoryError::NoSlots,
        }
    }
}

/// The folder `keys/`.
pub(super) struct Slots;

impl Slots {
    /// Tries every credential on every slot that it may fit.
    pub(super) fn unlock(
        storage: &Arc<dyn Storage>,
        context: &Context,
        description: &Description,
        credentials: &[Credential],
    ) -> Result<(SlotId, Bundle, Bytes), RepositoryError> {
        let mut failure = SlotFailure::default();
        for object in list(storage, context, "keys/")? {
            let Some(id) = slot_of(&object.name) else { continue };
            let bytes = match context.runtime.block_on(storage.read(&object.name, None)) {
                Ok(bytes) => bytes,
                Err(error) if error.kind == ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            match Self::open(context, description, credentials, &bytes) {
                Ok(bundle) => return Ok((id, bundle, bytes)),
                // One damaged or hostile slot must not lock out the holders of the others.
                Err(errors) => errors.into_iter().for_each(|error| failure.note(error)),
            }
        }
        Err(failure.into_error())
    }

    /// Tries every credential on one slot.
    pub(super) fn open(
        context: &Context,
        description: &Description,
        credentials: &[Credential],
        file: &[u8],
    ) -> Result<Bundle, Vec<SlotError>> {
        let mut errors = Vec::new();
        for credential in credentials {
            let opened = match &context.prompt {
                Some(prompt) => open_bundle_with(file, credential, Arc::clone(prompt)),
                None => open_bundle(file, credential),
            };
            match opened {
                Ok(bundle) if bundle.repository == description.repository => return Ok(bundle),
                Ok(_) => errors.push(SlotError::WrongKey),
                Err(error) => errors.push(error),
            }
        }
        Err(errors)
    }

    pub(super) fn write(
        storage: &Arc<dyn Storage>,
        context: &Context,
        keys: &Keys,
        bundle: &Bundle,
        slot: &NewSlot,
    ) -> Result<SlotId, RepositoryError> {
        let id = SlotId(random(context.clock.as_ref()));
        let file = seal_bundle(bundle, &slot.recipient, None)?;
        let kind = if slot.recovery { "recovery" } else { kind_name(slot_kind(&file)?) };
        let note = Note {
            kind: kind.into(),
            label: slot.label.clone(),
            role: "owner".into(),
            created: i64::try_from(context.clock.now_ns()).unwrap_or_default(),
            hash: Some(*blake3::hash(&file).as_bytes()),
        };
        let name = format!("keys/{id}");
        let note_name = format!("{name}.note");
        let body = padded_map(&note, 256);
        let note =
            keys.seal_object(ObjectKind::SlotNote, &note_name, &body, context.clock.as_ref());
        context.runtime.block_on(storage.put(&note_name, Bytes::from(note)))?;
        context.runtime.block_on(storage.put(&name, Bytes::from(file)))?;
        Ok(id)
    }
}

impl Repository {
    /// Every key slot.
    pub fn slots(&self) -> Result<Vec<SlotInfo>, RepositoryError> {
        let mut slots = Vec::new();
        for object in self.list("keys/")? {
            let Some(id) = slot_of(&object.name) else { continue };
            let kind = slot_kind(&self.object(&object.name)?).map_or("damaged", kind_name);
            let note = self.slot_note(id);
            slots.push(SlotInfo {
                id,
                kind: note.as_ref().map_or_else(|| kind.into(), |note| note.kind.clone()),
                label: note.as_ref().map_or_else(String::new, |note| note.label.clone()),
                created_ns: note.map(|note| note.created),
            });
        }
        Ok(slots)
    }

    fn slot_note(&self, id: SlotId) -> Option<Note> {
        let name = format!("keys/{id}.note");
        let bytes = self.object(&name).ok()?;
        let body = self.keys.open_object(ObjectKind::SlotNote, &name, &bytes).ok()?;
        parse_padded_map(&body).ok()
    }

    /// Makes a further slot. The credentials must open the repository: they are what the new slot's content comes from.
    pub fn add_slot(
        &self,
        credentials: &[Credential],
        slot: &NewSlot,
    ) -> Result<SlotId, RepositoryError> {
        self.check_writable()?;
        self.confirm(true)?;
        let alone = self.notes_alone()?;
        let (_, bundle, _) =
            Slots::unlock(&self.storage, &self.context, &self.description, credentials)?;
        let id = Slots::write(&self.storage, &self.context, &self.keys, &bundle, slot)?;
        self.clear_notes(&alone);
        Ok(id)
    }

    /// Notes without a slot.
    fn notes_alone(&self) -> Result<Vec<String>, RepositoryError> {
        let mut names: Vec<String> =
            self.list("keys/")?.into_iter().map(|object| object.name).collect();
        let slots: HashSet<SlotId> = names.iter().filter_map(|name| slot_of(name)).collect();
        let slot = |name: &str| slot_of(name.strip_suffix(".note")?);
        names.retain(|name| slot(name).is_some_and(|slot| !slots.contains(&slot)));
        Ok(names)
    }

    /// Takes away notes that were without a slot some time ago and are so still: whoever was to add or remove it was
    /// killed. Only a courtesy.
    fn clear_notes(&self, alone: &[String]) {
        if !alone.is_empty() {
            let still = self.notes_alone().unwrap_or_default();
            for name in still.iter().filter(|name| alone.contains(name)) {
                drop(self.delete(name));
            }
        }
    }

    /// Removes the slot whose name begins with `name`; never the last one.
    pub fn remove_slot(&self, name: &str) -> Result<SlotId, RepositoryError> {
        self.check_writable()?;
        self.confirm(true)?;
        let alone = self.notes_alone()?;
        let slots = self.slots()?;
        let mut fitting = slots.iter().filter(|slot| slot.id.to_string().starts_with(name));
        let (Some(slot), None) = (fitting.next(), fitting.next()) else {
            return Err(RepositoryError::UnknownSlot { name: name.into() });
        };
        if slots.iter().filter(|slot| slot.kind != "damaged").all(|other| other.id == slot.id) {
            return Err(RepositoryError::LastSlot);
        }
        let object = format!("keys/{}", slot.id);
        // A removed key shall not open from the cache of the very machine that removed it.
        self.forget_store();
        self.context.runtime.block_on(self.storage.delete(&object))?;
        self.context.runtime.block_on(self.storage.delete(&format!("{object}.note")))?;
        self.clear_notes(&alone);
        Ok(slot.id)
    }

    pub(crate) fn check_writable(&self) -> Result<(), RepositoryError> {
        match &self.description.read_only_because {
            Some(feature) => Err(RepositoryError::UnknownFeature { feature: feature.clone() }),
            None => Ok(()),
        }
    }
}

fn slot_of(name: &str) -> Option<SlotId> {
    SlotId::from_hex(name.strip_prefix("keys/")?)
}

fn kind_name(kind: SlotKind) -> &'static str {
    match kind {
        SlotKind::Passphrase => "passphrase",
        SlotKind::Identity => "identity",
        SlotKind::Ssh => "ssh",
        SlotKind::Plugin => "plugin",
    }
}
