//! Reads what strace writes, and asserts the order that durability needs.

use anyhow::{Context as _, Result, ensure};

use crate::traced_put;

/// One system call that succeeded.
#[derive(Debug)]
pub(crate) struct Call {
    name: String,
    /// Arguments as strace prints them, with paths behind descriptors: `9</repository/.tmp/a>`.
    arguments: String,
}

/// Successful calls in the order in which they returned; a call that another thread interrupts is joined again.
pub(crate) fn parse(trace: &str) -> Vec<Call> {
    let mut waiting: Vec<(&str, &str)> = Vec::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((process, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(begun) = text.strip_suffix("<unfinished ...>") {
            waiting.push((process, begun));
            continue;
        }
        let whole = match text.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            None => text.to_owned(),
            Some((_, rest)) => {
                let Some(at) = waiting.iter().position(|(other, _)| *other == process) else {
                    continue;
                };
                format!("{}{rest}", waiting.remove(at).1)
            }
        };
        let Some((call, result)) = whole.rsplit_once(" = ") else { continue };
        let Some((name, arguments)) = call.split_once('(') else { continue };
        if !result.starts_with('-') && !result.starts_with('?') {
            calls.push(Call { name: name.to_owned(), arguments: arguments.to_owned() });
        }
    }
    calls
}

struct Watched(Vec<Call>);

impl Watched {
    /// Where the only call lies that fits.
    fn only(&self, name: &str, fits: impl Fn(&str) -> bool) -> Result<usize> {
        let found: Vec<_> = self.all(name, fits);
        ensure!(
            found.len() == 1,
            "{} calls of {name} instead of one in {:#?}",
            found.len(),
            self.0
        );
        Ok(found[0])
    }

    fn all(&self, name: &str, fits: impl Fn(&str) -> bool) -> Vec<usize> {
        let fit = |call: &Call| call.name == name && fits(&call.arguments);
        self.0.iter().enumerate().filter(|(_, call)| fit(call)).map(|(at, _)| at).collect()
    }

    fn first_after(&self, start: usize, name: &str, fits: impl Fn(&str) -> bool) -> Result<usize> {
        let found = self.all(name, fits).into_iter().find(|at| *at > start);
        found.with_context(|| format!("no {name} after call {start} in {:#?}", self.0))
    }
}

/// An argument list that begins with a descriptor of exactly this path.
fn on(path: &str) -> impl Fn(&str) -> bool {
    let descriptor = format!("<{path}>");
    move |arguments| arguments.find('<').is_some_and(|at| arguments[at..].starts_with(&descriptor))
}

#[test]
fn data_is_synced_before_the_name_and_the_name_before_the_acknowledgement() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = folder.path().canonicalize()?;
    let path = root.to_str().context("temporary paths are text")?.to_owned();
    std::fs::create_dir(root.join("packs"))?;
    let calls = Watched(traced_put(&root, "packs/00ff", 5 << 20)?);

    let in_temporary = format!("<{path}/.tmp/00ff.");
    let rename = calls.only("renameat", |arguments| arguments.contains("\"00ff\""))?;
    let writes = calls.all("write", |arguments| arguments.contains(&in_temporary));
    let sync = calls.only("fsync", |arguments| arguments.contains(&in_temporary))?;
    let folder_sync = calls.first_after(rename, "fsync", on(&format!("{path}/packs")))?;
    let said = calls.only("write", |arguments| arguments.contains("acknowledged"))?;

    ensure!(!writes.is_empty(), "the object was never written");
    ensure!(writes.iter().all(|write| *write < sync), "written after the sync: {:#?}", calls.0);
    ensure!(sync < rename, "renamed before its bytes were safe");
    ensure!(rename < folder_sync && folder_sync < said, "acknowledged before its name was safe");
    Ok(())
}

#[test]
fn new_folders_are_synced_into_their_parents_before_anything_is_put_into_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let base = folder.path().canonicalize()?;
    let base = base.to_str().context("temporary paths are text")?.to_owned();
    let root = format!("{base}/new/repository");
    let calls = Watched(traced_put(root.as_ref(), "packs/00ff", 10)?);

    let quoted = |path: &str| {
        let path = format!("\"{path}\"");
        move |arguments: &str| arguments.contains(&path)
    };
    let rename = calls.only("renameat", quoted("00ff"))?;
    let mut made_before = 0;
    for (made, parent) in
        [(format!("{base}/new"), base.clone()), (root.clone(), format!("{base}/new"))]
    {
        let made = calls.only("mkdir", quoted(&made))?;
        let synced = calls.first_after(made, "fsync", on(&parent))?;
        ensure!(made_before < made && synced < rename, "not safe in time: {:#?}", calls.0);
        made_before = made;
    }
    let made = calls.only("mkdirat", quoted("packs"))?;
    let synced = calls.first_after(made, "fsync", on(&root))?;
    ensure!(synced < rename, "the folder's name was not safe in time: {:#?}", calls.0);
    Ok(())
}

#[test]
fn interrupted_calls_are_joined_and_failed_ones_left_out() {
    let calls = parse(
        "7  write(3</a>, \"x\", 1 <unfinished ...>\n8  fsync(4</b>) = 0\n7  <... write resumed>) = 1\n\
         8  mkdir(\"/a\", 0777) = -1 EEXIST (File exists)\n8  +++ exited with 0 +++\n",
    );
    let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
    assert_eq!(names, ["fsync", "write"]);
    assert!(on("/a")(&calls[1].arguments));
}
