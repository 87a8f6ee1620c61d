//! Looking into snapshots: archives, searches, comparisons, sizes and histories, with names and damage that somebody
//! else chose.

mod archives;
mod comparing;
mod damage;
mod desk;
mod finding;
mod measuring;
