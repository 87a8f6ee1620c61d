//! Real files of messengers, from public projects. They are not shipped: `HEIRLOOM_FIXTURES` says where they are.

mod disk;
mod encrypted;
