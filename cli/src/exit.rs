//! The one table of exit codes. Nothing else in the program knows a number.

/// How a command ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    Success,
    Failed,
    Usage,
    Partial,
    Warnings,
    Damage,
    NothingToDo,
    NoRepository,
    WrongKey,
    Unreachable,
    NoSpace,
    Permission,
    NewerFormat,
    Rollback,
    Configuration,
    Interrupted,
}

impl Exit {
    /// In the order of their codes.
    pub(crate) const ALL: [Self; 16] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::Partial,
        Self::Warnings,
        Self::Damage,
        Self::NothingToDo,
        Self::NoRepository,
        Self::WrongKey,
        Self::Unreachable,
        Self::NoSpace,
        Self::Permission,
        Self::NewerFormat,
        Self::Rollback,
        Self::Configuration,
        Self::Interrupted,
    ];

    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Partial => 3,
            Self::Warnings => 4,
            Self::Damage => 5,
            Self::NothingToDo => 7,
            Self::NoRepository => 10,
            Self::WrongKey => 12,
            Self::Unreachable => 13,
            Self::NoSpace => 14,
            Self::Permission => 15,
            Self::NewerFormat => 16,
            Self::Rollback => 17,
            Self::Configuration => 18,
            Self::Interrupted => 130,
        }
    }

    /// A name that never changes, for `--json`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Success => "ok",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Partial => "partial",
            Self::Warnings => "warnings",
            Self::Damage => "damage",
            Self::NothingToDo => "nothing-to-do",
            Self::NoRepository => "no-repository",
            Self::WrongKey => "wrong-key",
            Self::Unreachable => "unreachable",
            Self::NoSpace => "no-space",
            Self::Permission => "permission",
            Self::NewerFormat => "newer-format",
            Self::Rollback => "rollback",
            Self::Configuration => "configuration",
            Self::Interrupted => "interrupted",
        }
    }

    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "everything was done",
            Self::Failed => "the command failed",
            Self::Usage => "the command line makes no sense",
            Self::Partial => "some files could not be read or restored; the rest was done",
            Self::Warnings => "everything was done, with warnings",
            Self::Damage => "check found damage",
            Self::NothingToDo => "there was nothing to do",
            Self::NoRepository => "there is no repository at this address",
            Self::WrongKey => "wrong passphrase or key",
            Self::Unreachable => "the store cannot be reached",
            Self::NoSpace => "the store is full or over its quota",
            Self::Permission => "permission denied",
            Self::NewerFormat => "the repository needs a newer program",
            Self::Rollback => "the repository went back in time or lost a snapshot",
            Self::Configuration => "a setting is missing or makes no sense",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_the_documented_ones() {
        let codes: Vec<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 7, 10, 12, 13, 14, 15, 16, 17, 18, 130]);
    }

    #[test]
    fn every_code_has_its_own_name_and_meaning() {
        for (position, exit) in Exit::ALL.iter().enumerate() {
            for other in &Exit::ALL[position + 1..] {
                assert_ne!(exit.code(), other.code());
                assert_ne!(exit.name(), other.name());
                assert_ne!(exit.meaning(), other.meaning());
            }
        }
    }
}
