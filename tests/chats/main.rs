//! Conversations as messengers leave them: of phones that are made here, through the program; and real files of public projects, which `HEIRLOOM_FIXTURES` names and nobody ships.

mod days;
mod desk;
mod disk;
mod encrypted;
mod merging;
mod phones;
mod taken;
mod verifying;
