//! Settings from a file, `NAME.toml` in the folder for profiles. Unknown keys are errors.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Environment;
use crate::args::values;
use crate::failure::{Failure, SettingFailure};

/// What a profile says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Profile {
    #[serde(default)]
    pub(super) repository: RepositorySection,
}

/// Where the repository is and how to get in. Secrets stand in files of their own or come from a command.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RepositorySection {
    pub(super) address: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) password_command: Option<String>,
    pub(super) identity_file: Option<PathBuf>,
    pub(super) cache_dir: Option<PathBuf>,
    limit_upload: Option<String>,
    limit_download: Option<String>,
    /// Options of the store.
    #[serde(default)]
    pub(super) options: BTreeMap<String, String>,
}

impl Profile {
    /// The profile that a flag or variable names; with neither, one that says nothing.
    pub(super) fn load(
        folder: &Path,
        flag: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, Failure> {
        let variable = environment.profile.as_ref().map(|name| name.to_string_lossy());
        let Some(name) = flag.or(variable.as_deref()) else { return Ok(Self::default()) };
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err(Failure::Setting(SettingFailure::ProfileName));
        }
        let path = folder.join(format!("{name}.toml"));
        let text = fs::read_to_string(&path).map_err(|source| {
            let path = path.clone();
            Failure::Setting(if source.kind() == io::ErrorKind::NotFound {
                SettingFailure::NoProfile { path }
            } else {
                SettingFailure::File { path, source }
            })
        })?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| {
                1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count()
            });
            let what = error.message().to_owned();
            Failure::Setting(SettingFailure::Profile { path, line, what })
        })
    }
}

impl RepositorySection {
    pub(super) fn limit_upload(&self) -> Result<Option<NonZeroU64>, Failure> {
        rate("limit-upload", self.limit_upload.as_deref())
    }

    pub(super) fn limit_download(&self) -> Result<Option<NonZeroU64>, Failure> {
        rate("limit-download", self.limit_download.as_deref())
    }
}

fn rate(key: &'static str, text: Option<&str>) -> Result<Option<NonZeroU64>, Failure> {
    text.map(values::rate)
        .transpose()
        .map_err(|_nonsense| Failure::Setting(SettingFailure::ProfileValue { key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Profile, Failure> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("home.toml"), text).expect("it can be written");
        Profile::load(folder.path(), Some("home"), &Environment::default())
    }

    #[test]
    fn a_profile_gives_address_options_and_limits() {
        let profile = load(
            "[repository]\naddress = \"s3://bucket\"\nlimit-upload = \"2M\"\n\
             [repository.options]\nregion = \"garage\"\n",
        )
        .expect("it is well-formed");
        assert_eq!(profile.repository.address.as_deref(), Some("s3://bucket"));
        assert_eq!(profile.repository.options["region"], "garage");
        let limit = profile.repository.limit_upload().expect("a rate");
        assert_eq!(limit.map(NonZeroU64::get), Some(2 << 20));
    }

    #[test]
    fn unknown_keys_bad_values_and_missing_files_are_errors() {
        for text in ["[repository]\nadress = \"x\"", "[repo]", "address = 1", "["] {
            let error = load(text).expect_err("it makes no sense");
            assert!(
                matches!(error, Failure::Setting(SettingFailure::Profile { .. })),
                "{text}: {error:?}"
            );
        }
        let profile = load("[repository]\nlimit-upload = \"fast\"").expect("it is well-formed");
        assert!(profile.repository.limit_upload().is_err());
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["missing", "../home", ".hidden", ""] {
            assert!(Profile::load(folder.path(), Some(name), &Environment::default()).is_err());
        }
    }
}
