//! Words about plugins and how they did in their test.

use std::fmt::Write as _;
use std::path::PathBuf;

use heirloom_backends::conformance::Outcome;
use heirloom_plugin_host::{About, Installed};

use super::names;
use super::table::{Side, Table};

/// The plugins as a table, or where they were looked for.
pub(crate) fn installed(plugins: &[Installed], folders: &[PathBuf]) -> String {
    if plugins.is_empty() {
        let mut text = String::from("There is no plugin (a program heirloom-store-NAME) in\n");
        for folder in folders {
            writeln!(text, "  {}", names::path(folder)).expect("a String takes everything");
        }
        return text;
    }
    let mut table = Table::new(&["Address", "Program"].map(|heading| (heading, Side::Left)));
    for plugin in plugins {
        let program = match &plugin.refused {
            None => names::path(&plugin.path),
            Some(refused) => format!("refused: {refused}"),
        };
        table.row(&[format!("plugin+{}:", plugin.name), program]);
    }
    table.render()
}

/// What a plugin says about itself.
pub(crate) fn about(name: &str, about: &About) -> String {
    let ability = about.ability;
    let able = [
        (ability.atomic_put, "an object is never seen half written"),
        (ability.durable, "what is acknowledged survives the loss of power"),
        (ability.size, "a lost answer can be asked for"),
    ];
    let mut text = format!("plugin+{name}: {} {}, says that\n", about.name, about.version);
    for (yes, what) in able {
        let word = if yes { "yes" } else { "no " };
        writeln!(text, "  {word}  {what}").expect("a String takes everything");
    }
    writeln!(text, "  {:>3}  calls at once", ability.parallel).expect("a String takes everything");
    text
}

/// One check.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    let (name, seconds) = (outcome.name.replace('_', " "), outcome.took.as_secs_f64());
    match &outcome.result {
        Ok(()) => format!("ok      {name} ({seconds:.1} s)\n"),
        Err(why) => format!("FAILED  {name} ({seconds:.1} s): {}\n", names::shown(why.as_bytes())),
    }
}

/// The end of the report.
pub(crate) fn verdict(checks: usize, failed: usize) -> String {
    if failed == 0 {
        format!("\nAll {checks} checks passed: the plugin can keep repositories.\n")
    } else {
        format!(
            "\n{failed} of {checks} checks failed: the plugin cannot be trusted with a repository.\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_check_is_a_line_that_says_what_went_wrong() {
        let took = Duration::from_millis(1234);
        let passed = Outcome { name: "ranges_are_exact", result: Ok(()), took };
        assert_eq!(outcome(&passed), "ok      ranges are exact (1.2 s)\n");
        let result = Err("0..1 gave 2 bytes".to_owned());
        let failed = Outcome { name: "ranges_are_exact", result, took };
        assert_eq!(outcome(&failed), "FAILED  ranges are exact (1.2 s): 0..1 gave 2 bytes\n");
    }

    #[test]
    fn without_plugins_the_folders_are_named() {
        let text = installed(&[], &["/a/plugins".into(), "/usr/bin".into()]);
        assert!(text.ends_with("in\n  /a/plugins\n  /usr/bin\n"), "{text}");
    }
}
