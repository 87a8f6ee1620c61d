//! Gets passphrases and identities from where the settings say. No secret is shown, and none leaves this module
//! but inside a type that forgets it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use heirloom_engine::crypto::Prompt;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::failure::{Failure, SettingFailure};
use crate::settings::PassphraseSource;

/// Longer files are no passphrases and no identities.
const SECRET_BYTES_MAX: u64 = 1 << 20;

/// Why a program did not give a passphrase.
#[derive(Debug)]
pub(crate) enum CommandFailure {
    /// Quotes do not match, or the line is empty.
    Syntax,
    /// The program cannot be started.
    Start(io::Error),
    /// The program ended with an error of its own.
    Status(ExitStatus),
    /// The program printed something that is no text.
    NotText,
}

/// The passphrase of an existing key, from a source that needs nobody at the keyboard.
pub(crate) fn passphrase(source: &PassphraseSource) -> Result<SecretString, Failure> {
    let (secret, origin) = match source {
        PassphraseSource::Value { secret, name } => (secret.clone(), Some(*name)),
        PassphraseSource::File(path) => (from_file(path)?, None),
        PassphraseSource::Command(line) => (from_command(line)?, None),
    };
    refuse_empty(secret, origin)
}

/// A new passphrase: from the source, or asked for twice.
pub(crate) fn new_passphrase(
    source: Option<&PassphraseSource>,
    what: &str,
) -> Result<SecretString, Failure> {
    if let Some(source) = source {
        return passphrase(source);
    }
    let first = prompt(&format!("New passphrase for {what}: "))?;
    let first = refuse_empty(first, None)?;
    let second = prompt("The same passphrase again: ")?;
    if first.expose_secret() == second.expose_secret() {
        Ok(first)
    } else {
        Err(Failure::Setting(SettingFailure::PassphrasesDiffer))
    }
}

/// Asks on the terminal, without echo, whatever standard input is.
pub(crate) fn prompt(question: &str) -> Result<SecretString, Failure> {
    if File::open("/dev/tty").is_err() {
        return Err(Failure::Setting(SettingFailure::NoCredential));
    }
    match rpassword::prompt_password(question) {
        Ok(text) => Ok(SecretString::from(text)),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Failure::Interrupted),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(Failure::Interrupted),
        Err(source) => Err(Failure::Setting(SettingFailure::Terminal(source))),
    }
}

/// A question whose answer is no secret. Without somebody to answer it, the answer must come as a flag.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    ask(&format!("{question} [y/N] ")).map(|answer| is_yes(&answer))
}

fn ask(question: &str) -> Result<String, Failure> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let Ok(mut terminal) = terminal else { return Err(Failure::NotConfirmed) };
    write!(terminal, "{question}").map_err(terminal_failure)?;
    let mut answer = String::new();
    BufReader::new(terminal).read_line(&mut answer).map_err(terminal_failure)?;
    Ok(answer.trim().to_owned())
}

fn terminal_failure(error: io::Error) -> Failure {
    Failure::Setting(SettingFailure::Terminal(error))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes")
}

/// A word to whoever is being asked.
pub(crate) fn tell(text: &str) {
    if let Ok(mut terminal) = OpenOptions::new().write(true).open("/dev/tty") {
        // The next question will show that the terminal is gone.
        writeln!(terminal, "{text}").ok();
    }
}

/// The text of an identity file.
pub(crate) fn identity(path: &Path) -> Result<SecretString, Failure> {
    read_secret_file(path).map(|text| SecretString::from(text.as_str()))
}

/// Asks on the terminal what keys and plugins want to know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker;

impl Prompt for Asker {
    fn unlock(&self, key_file: &str) -> Option<SecretString> {
        prompt(&format!("Passphrase of the key {key_file}: ")).ok()
    }

    fn secret(&self, question: &str) -> Option<SecretString> {
        prompt(&format!("{question}: ")).ok()
    }

    fn text(&self, question: &str) -> Option<String> {
        ask(&format!("{question}: ")).ok()
    }

    fn confirm(&self, question: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let answer = match no {
            Some(no) => ask(&format!("{question} [y: {yes}, n: {no}] ")),
            None => ask(&format!("{question} [y: {yes}] ")),
        };
        answer.ok().map(|answer| is_yes(&answer))
    }

    fn message(&self, message: &str) {
        tell(message);
    }
}

/// A secret that is the first line of a file.
pub(crate) fn first_line(path: &Path) -> Result<SecretString, Failure> {
    let text = read_secret_file(path)?;
    refuse_empty(SecretString::from(text.lines().next().unwrap_or_default()), None)
}

fn refuse_empty(
    secret: SecretString,
    origin: Option<&'static str>,
) -> Result<SecretString, Failure> {
    if secret.expose_secret().is_empty() {
        Err(Failure::Setting(SettingFailure::EmptyPassphrase { origin }))
    } else {
        Ok(secret)
    }
}

fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let text = read_secret_file(path)?;
    Ok(SecretString::from(without_line_end(&text)))
}

fn read_secret_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failure = |source| Failure::Setting(SettingFailure::File { path: path.to_owned(), source });
    let file = File::open(path).map_err(failure)?;
    // Reserved at once, so that no half-filled copy is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    file.take(SECRET_BYTES_MAX).read_to_end(&mut bytes).map_err(failure)?;
    text_of(&bytes).ok_or_else(|| failure(io::ErrorKind::InvalidData.into()))
}

/// Splits the line like a shell would, but starts the program itself: nothing is expanded, nothing is logged.
fn from_command(line: &str) -> Result<SecretString, Failure> {
    let words = shell_words::split(line).unwrap_or_default();
    let Some((program, arguments)) = words.split_first() else {
        return Err(Failure::Setting(SettingFailure::Command {
            program: PathBuf::new(),
            source: CommandFailure::Syntax,
        }));
    };
    let failure = |source| {
        Failure::Setting(SettingFailure::Command { program: PathBuf::from(program), source })
    };
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().map_err(|source| failure(CommandFailure::Start(source)))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 << 10));
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(SECRET_BYTES_MAX)
            .read_to_end(&mut bytes)
            .map_err(|source| failure(CommandFailure::Start(source)))?;
    }
    let status = child.wait().map_err(|source| failure(CommandFailure::Start(source)))?;
    if !status.success() {
        return Err(failure(CommandFailure::Status(status)));
    }
    let text = text_of(&bytes).ok_or_else(|| failure(CommandFailure::NotText))?;
    Ok(SecretString::from(without_line_end(&text)))
}

fn text_of(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Editors and `echo` end a line; the line end is no part of the passphrase. Spaces are.
fn without_line_end(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<SecretString, Failure> {
        passphrase(&PassphraseSource::Command(line.to_owned()))
    }

    #[test]
    fn one_line_end_is_no_part_of_the_passphrase() {
        assert_eq!(without_line_end("a b \n"), "a b ");
        assert_eq!(without_line_end("a\r\n"), "a");
        assert_eq!(without_line_end("a\n\n"), "a\n");
        assert_eq!(without_line_end("a"), "a");
    }

    #[test]
    fn a_command_is_split_into_words_and_not_given_to_a_shell() {
        let secret = command("printf '%s %s' 'two words' '$HOME'").expect("runs");
        assert_eq!(secret.expose_secret(), "two words $HOME");
    }

    #[test]
    fn a_command_that_fails_says_why() {
        assert!(matches!(
            command("false"),
            Err(Failure::Setting(SettingFailure::Command {
                source: CommandFailure::Status(_),
                ..
            }))
        ));
        assert!(matches!(
            command("/nowhere/at/all"),
            Err(Failure::Setting(SettingFailure::Command { source: CommandFailure::Start(_), .. }))
        ));
        assert!(matches!(
            command("echo 'unfinished"),
            Err(Failure::Setting(SettingFailure::Command { source: CommandFailure::Syntax, .. }))
        ));
        assert!(matches!(
            command("true"),
            Err(Failure::Setting(SettingFailure::EmptyPassphrase { .. }))
        ));
    }

    #[test]
    fn a_file_gives_its_text_without_the_line_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        std::fs::write(&path, "pass phrase\n").expect("written");
        let secret = passphrase(&PassphraseSource::File(path.clone())).expect("read");
        assert_eq!(secret.expose_secret(), "pass phrase");
        std::fs::write(&path, "\n").expect("written");
        assert!(matches!(
            passphrase(&PassphraseSource::File(path.clone())),
            Err(Failure::Setting(SettingFailure::EmptyPassphrase { .. }))
        ));
        assert!(matches!(
            passphrase(&PassphraseSource::File(folder.path().join("missing"))),
            Err(Failure::Setting(SettingFailure::File { .. }))
        ));
    }
}
