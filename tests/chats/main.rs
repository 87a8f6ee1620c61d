//! Conversations as messengers leave them: real files of public projects, which `HEIRLOOM_FIXTURES` names and nobody ships, and files that are made here.

mod disk;
mod encrypted;
mod taken;
