//! How often the engine asks the store, which is what a store far away costs. Counted on stores that tell all folders with
//! one request, as S3 does, and on others.

mod bootstrap;
mod economy;
