//! Options that every store over the network has, whatever its kind.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use crate::AddressError;
use crate::address::split_query;
use crate::options::{Options, StoreSettings};

const KEYS: [&str; 4] = ["ca", "connections", "retries", "timeout"];

/// How patient to be, and how busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// How long a line may stand still.
    pub(crate) timeout: Duration,
    /// How many calls may be in flight at once.
    pub(crate) connections: Option<usize>,
    /// How often a call is repeated after a temporary failure.
    pub(crate) retries: Option<usize>,
    /// A PEM file of certificates to trust beside the system's.
    pub(crate) ca: Option<PathBuf>,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { timeout: Duration::from_mins(1), connections: None, retries: None, ca: None }
    }
}

/// An address and settings without these options, which are in `tuning`.
#[derive(Debug)]
pub(crate) struct Tuned {
    pub(crate) tuning: Tuning,
    pub(crate) rest: String,
    pub(crate) settings: StoreSettings,
}

impl Tuned {
    pub(crate) fn split(rest: &str, settings: &StoreSettings) -> Result<Self, AddressError> {
        let is_ours = |key: &str| KEYS.contains(&key);
        let (place, query) = split_query(rest);
        let (ours, theirs): (Vec<_>, Vec<_>) = query.into_iter().partition(|(key, _)| is_ours(key));
        let mut common = settings.clone();
        let mut settings = settings.clone();
        common.options.retain(|key, _| is_ours(key));
        settings.options.retain(|key, _| !is_ours(key));
        let mut rest = place.to_owned();
        if !theirs.is_empty() {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            rest = format!("{rest}?{}", query.extend_pairs(theirs).finish());
        }
        let tuning = Tuning::take(&mut Options::new(ours, &common)?)?;
        Ok(Self { tuning, rest, settings })
    }
}

impl Tuning {
    fn take(options: &mut Options) -> Result<Self, AddressError> {
        let usual = Self::default();
        let seconds = options.number("timeout")?.map(NonZeroU64::get);
        let retries = options.text("retries").map(|value| value.parse()).transpose();
        let retries = retries.or(Err(AddressError::OptionValue {
            option: "retries".to_owned(),
            expected: "a number, or 0 for none",
        }))?;
        let connections = options.number("connections")?.map(NonZeroU64::get);
        Ok(Self {
            timeout: seconds.map_or(usual.timeout, Duration::from_secs),
            connections: connections.map(|count| usize::try_from(count).unwrap_or(usize::MAX)),
            retries,
            ca: options.text("ca").map(PathBuf::from),
        })
    }
}

/// Names these options as well where an unknown one is refused.
pub(crate) fn with_common_options(error: AddressError) -> AddressError {
    let AddressError::UnknownOption { option, known } = error else { return error };
    let mut all: Vec<_> = known.split(", ").filter(|key| !key.is_empty()).chain(KEYS).collect();
    all.sort_unstable();
    AddressError::UnknownOption { option, known: all.join(", ") }
}
