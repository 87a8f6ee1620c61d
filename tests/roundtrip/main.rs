//! What goes in comes out: random trees, random changes, odd files; and what an unchanged or little changed tree costs.

mod changes;
mod growth;
mod inline;
mod linked;
mod moving;
mod trees;
