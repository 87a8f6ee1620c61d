//! Chats: what messengers leave on disk, understood. Never needed to keep a file, only to look into it.
//!
//! - [`model`] is what all messengers have in common: conversations, participants, messages
//! - [`files`] is what is looked into: a read-only tree of files, of a snapshot or of a disk
//! - [`crypt`] opens the encrypted backups of WhatsApp
//! - [`reader`] is how conversations are read, whatever they lie in; [`needle`] is what is searched for
//! - [`recognise`] tells by names alone what messengers left in a folder
//! - [`sqlite`] reads databases without a copy of them
//! - [`folder`] is a folder of a disk as such a tree
//! - [`archive`] is a zip archive as such a tree
//! - [`export`] reads texts that somebody exported; [`messenger`] what Facebook and Instagram give to download;
//!   [`telegram`] and [`discord`] what is exported from there
//! - [`proto`] reads the fields of Protocol Buffers that lie in headers and databases
//! - [`transform`] takes files apart into what deduplicates, and puts them together again
//! - [`trace`] is what is kept of a message to recognise it elsewhere, and [`merge`] tells a conversation of several places once
//! - [`error`] says which file could not be understood, and why

mod android;
pub mod archive;
pub mod crypt;
pub mod discord;
pub mod error;
pub mod export;
pub mod files;
pub mod folder;
mod ios;
mod json;
pub mod merge;
pub mod messenger;
pub mod model;
pub mod needle;
pub mod proto;
pub mod reader;
pub mod recognise;
pub mod sqlite;
mod stamp;
mod tally;
pub mod telegram;
pub mod trace;
pub mod transform;
mod whatsapp;
