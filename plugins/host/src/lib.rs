//! Starts a storage plugin and presents it as a Storage.
