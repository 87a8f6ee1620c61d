//! Where a store is and what opens it, in the words of the product: an address, options, and variables.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use heirloom_backends::{Address, Guard, Opened, StoreSettings, Traffic, guard, metered};
use heirloom_engine::repository::Storage;
use heirloom_plugin_host::{PluginSettings, PluginStorage, find};

/// Everything that a command or a suite needs to open a store.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// As it is written on the command line.
    pub address: String,
    /// Options, as in `-o KEY=VALUE`.
    pub options: BTreeMap<String, String>,
    /// Variables, most of which are credentials.
    pub variables: BTreeMap<String, String>,
}

impl Place {
    /// A place without options or credentials.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }

    /// The same one with an option.
    #[must_use]
    pub fn option(mut self, key: &str, value: impl Into<String>) -> Self {
        self.options.insert(key.to_owned(), value.into());
        self
    }

    /// The same one with a variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// What a command would make of it.
    pub fn settings(&self) -> StoreSettings {
        let variables = self.variables.clone();
        StoreSettings {
            options: self.options.clone(),
            environment: Arc::new(move |name| variables.get(name).cloned()),
            ..StoreSettings::default()
        }
    }

    /// Opens the store, as the command does.
    pub fn open(&self) -> Result<Opened> {
        let address = Address::parse(OsStr::new(&self.address)).context("the address")?;
        match address.plugin() {
            Some((name, target)) => self.open_plugin(name, target),
            None => Ok(heirloom_backends::open(&address, &self.settings())?),
        }
    }

    /// The plugin with what the command puts around it; it is started by the first call.
    fn open_plugin(&self, name: &str, target: &str) -> Result<Opened> {
        let path = self.variables.get("PATH").context("a plugin is looked for on the PATH")?;
        let folders: Vec<_> = std::env::split_paths(path).collect();
        let mut plugin = PluginSettings::new(name, find(name, &folders)?);
        target.clone_into(&mut plugin.target);
        plugin.options = self.options.clone().into_iter().collect();
        plugin.environment = vec![("PATH".to_owned(), path.into())];
        let traffic = Arc::new(Traffic::default());
        let storage: Arc<dyn Storage> = Arc::new(PluginStorage::new(plugin));
        let storage = guard(metered(storage, Arc::clone(&traffic)), Guard::new(name));
        Ok(Opened { storage, traffic })
    }

    /// The values that nobody may ever read in an output.
    pub fn secrets(&self) -> Vec<&str> {
        let is_secret = |name: &str| name.contains("SECRET") || name.contains("PASSWORD");
        self.variables.iter().filter(|(name, _)| is_secret(name)).map(|v| v.1.as_str()).collect()
    }
}
