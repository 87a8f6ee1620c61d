//! Snapshots as trees that somebody looks around in: any byte of any file, from several threads, with few requests.

mod damage;
mod listing;
mod reading;
mod requests;
mod scene;
