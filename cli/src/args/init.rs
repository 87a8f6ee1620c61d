//! `heirloom init`.

use clap::{Args, ValueEnum};

use super::values;

/// Make a new repository.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// Whether to make and print a recovery key
    #[arg(long, value_name = "WHETHER", default_value = "show")]
    pub(crate) recovery_key: RecoveryKey,

    /// Target size of the packfiles: 1M to 48M
    #[arg(long, value_name = "SIZE", value_parser = pack_size, default_value = "32M")]
    pub(crate) pack_size: u32,

    /// age recipient or SSH public key that opens the repository, instead of a passphrase; may be repeated
    #[arg(long, value_name = "AGE-OR-SSH-KEY")]
    pub(crate) recipient: Vec<String>,
}

/// Whether to make a recovery key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecoveryKey {
    /// Make one and print it, as text and as a QR code
    Show,
    /// Make none
    None,
}

/// Why a pack size makes no sense.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PackSizeError;

impl std::fmt::Display for PackSizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("expected a size from 1M to 48M")
    }
}

impl std::error::Error for PackSizeError {}

fn pack_size(text: &str) -> Result<u32, PackSizeError> {
    let bytes = values::size(text).or(Err(PackSizeError))?;
    match u32::try_from(bytes) {
        Ok(bytes @ 0x10_0000..=0x300_0000) => Ok(bytes),
        _ => Err(PackSizeError),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pack_sizes_lie_between_1_and_48_mebibytes() {
        assert_eq!(pack_size("1M").expect("allowed"), 1 << 20);
        assert_eq!(pack_size("48M").expect("allowed"), 48 << 20);
        for bad in ["1023K", "49M", "0", "5G", "much"] {
            assert!(pack_size(bad).is_err(), "{bad}");
        }
    }
}
