//! Starts the plugin that an address names: where it is looked for, what it is told, which of that is secret.
//!
//! Options are told as they are. A secret comes from a variable, `HEIRLOOM_STORE_TOKEN` for `token`, or from the first
//! line of the file that an option `token_file` names; the plugin gets it over its standard input and nowhere else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use heirloom_backends::{Guard, Opened, Traffic, guard, metered};
use heirloom_plugin_host::{PluginError, PluginSettings, PluginStorage, find};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::runtime::Handle;

use crate::failure::{Failure, PluginFailure};
use crate::secrets;
use crate::settings::{self, Settings};

/// What the name of an option ends with that names a file with a secret.
const FILE_SUFFIX: &str = "_file";

/// The store at `plugin+NAME:REST`, with what every store far away has around it.
pub(crate) fn open(
    name: &str,
    rest: &str,
    settings: &Settings,
    runtime: &Handle,
) -> Result<Opened, Failure> {
    let mut store = settings.store.clone();
    let rules = Guard { retry_after, ..Guard::new(format!("plugin {name}")) };
    let rules = rules.take_options(&mut store)?;
    let traffic = Arc::new(Traffic::default());
    let plugin = start(name, rest, (&store.options, &settings.store_variables), runtime)?;
    let storage = guard(metered(plugin, Arc::clone(&traffic)), rules);
    Ok(Opened { storage, traffic })
}

/// Starts a plugin; nothing is around it. `rest` is what follows `plugin+NAME:` in the address.
pub(crate) fn start(
    name: &str,
    rest: &str,
    (options, variables): (&BTreeMap<String, String>, &BTreeMap<String, SecretString>),
    runtime: &Handle,
) -> Result<Arc<PluginStorage>, Failure> {
    let program = find(name, &settings::plugin_folders()).map_err(PluginFailure::Find)?;
    let mut plugin = PluginSettings::new(name, program);
    rest.clone_into(&mut plugin.target);
    plugin.environment = settings::variables();
    (plugin.options, plugin.secrets) = told(options, variables)?;
    let started = runtime.block_on(PluginStorage::start(plugin));
    Ok(Arc::new(started.map_err(PluginFailure::Plugin)?))
}

fn retry_after(error: &(dyn std::error::Error + 'static)) -> Option<std::time::Duration> {
    error.downcast_ref::<PluginError>().and_then(PluginError::retry_after)
}

type Told = (BTreeMap<String, String>, BTreeMap<String, SecretString>);

/// Options and secrets. A file that an option names wins over a variable with the secret itself.
fn told(
    options: &BTreeMap<String, String>,
    variables: &BTreeMap<String, SecretString>,
) -> Result<Told, Failure> {
    let (mut plain, mut files, mut secrets) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (key, value) in variables {
        match key.strip_suffix(FILE_SUFFIX) {
            Some(key) => drop(files.insert(key.to_owned(), value.expose_secret().to_owned())),
            None => drop(secrets.insert(key.clone(), value.clone())),
        }
    }
    for (key, value) in options {
        match key.strip_suffix(FILE_SUFFIX) {
            Some(key) => drop(files.insert(key.to_owned(), value.clone())),
            None => drop(plain.insert(key.clone(), value.clone())),
        }
    }
    for (key, file) in files {
        secrets.insert(key, secrets::first_line(Path::new(&file))?);
    }
    Ok((plain, secrets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_files_are_secrets_and_the_rest_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("token");
        std::fs::write(&file, "from the file\nand more\n").expect("written");
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let options =
            [pair("region", "north"), pair("token_file", file.to_str().expect("UTF-8"))].into();
        let variables = [("token", "lost"), ("key_id", "7")]
            .map(|(key, value)| (key.to_owned(), SecretString::from(value)))
            .into();
        let (plain, secrets) = told(&options, &variables).expect("the file is there");
        assert_eq!(plain, [pair("region", "north")].into());
        let exposed: Vec<_> =
            secrets.iter().map(|(key, secret)| (key.as_str(), secret.expose_secret())).collect();
        assert_eq!(exposed, [("key_id", "7"), ("token", "from the file")]);
    }

    #[test]
    fn a_file_that_is_missing_is_a_mistake_in_the_settings() {
        let options = [("token_file".to_owned(), "/nowhere/at/all".to_owned())].into();
        assert!(matches!(told(&options, &BTreeMap::new()), Err(Failure::Setting(_))));
    }
}
