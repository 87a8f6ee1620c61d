//! `heirloom doctor`.

use std::fs;
use std::path::Path;

use heirloom_backends::doctor::{Effort, Finding, Verdict, examine};
use heirloom_engine::clock::Clock as _;
use heirloom_engine::error::StorageError;
use serde_json::json;

use crate::args::doctor::DoctorArgs;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Event;
use crate::render::{doctor as words, time};
use crate::settings::{Place, Settings};
use crate::store::Store;
use crate::system::SystemClock;

pub(crate) fn run(mut settings: Settings, arguments: &DoctorArgs) -> Result<Exit, Failure> {
    if let Some(store) = &arguments.store {
        settings.place = Place::Chosen(store.clone());
    }
    let output = settings.output;
    let store = Store::locate(&settings)?;
    let effort = if arguments.thorough { Effort::Thorough } else { Effort::Quick };
    output.done(&words::heading(&store.address.to_string()))?;
    let mut findings: Vec<Result<Finding, (&'static str, StorageError)>> = Vec::new();
    let mut broken_pipe = None;
    let mut tell = |finding: Result<Finding, (&'static str, StorageError)>| {
        let told = output.text(&words::line(&finding)).and_then(|()| {
            output.event(Event::Finding, words::id(&finding), words::fields(&finding))
        });
        broken_pipe = broken_pipe.take().or(told.err());
        findings.push(finding);
    };
    let storage = store.storage();
    store.runtime().block_on(examine(&storage, &SystemClock, effort, &mut tell));
    if let Some(failure) = broken_pipe {
        return Err(failure);
    }
    // Nothing could be measured: that is not a verdict about the store.
    if findings.iter().all(Result::is_err) {
        if let Some(Err((_, error))) = findings.into_iter().next() {
            return Err(error.into());
        }
        return Ok(Exit::Failed);
    }
    let skew = store.clock_skew_seconds();
    output.text(&words::clock(skew))?;
    for line in machine(&settings) {
        output.text(&line)?;
    }
    let verdict = verdict(&findings, skew);
    output.text(&words::verdict(verdict))?;
    let fields = words::summary(verdict, skew, &findings);
    keep(&settings, &store, &fields);
    output.event(Event::Summary, "store.examined", store.with_traffic(fields))?;
    store.tell_traffic(output)?;
    Ok(match verdict {
        Verdict::Good => Exit::Success,
        Verdict::Weak => Exit::Warnings,
        Verdict::Unsafe => Exit::Damage,
    })
}

/// The worst of all; a step that could not be done is a weakness, because nobody knows.
fn verdict(
    findings: &[Result<Finding, (&'static str, StorageError)>],
    skew: Option<i64>,
) -> Verdict {
    let worst = findings
        .iter()
        .map(|finding| finding.as_ref().map_or(Verdict::Weak, Finding::verdict))
        .max()
        .unwrap_or(Verdict::Good);
    let clock = skew.is_some_and(|seconds| seconds.abs() > words::SKEW_SECONDS_MAX);
    if clock { worst.max(Verdict::Weak) } else { worst }
}

/// Whether this machine is set up.
fn machine(settings: &Settings) -> Vec<String> {
    let cache = settings.cache.as_deref().map(|folder| (folder, is_writable(folder)));
    vec![words::cache(cache), words::fuse(Path::new("/dev/fuse").exists())]
}

fn is_writable(folder: &Path) -> bool {
    let probe = folder.join(".probe");
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&probe, b"probe"));
    let removed = fs::remove_file(&probe);
    written.is_ok() && removed.is_ok()
}

/// Beside the cache of the repositories, so that it can be looked up later. Its loss costs nothing.
fn keep(settings: &Settings, store: &Store, fields: &serde_json::Value) {
    let Some(cache) = &settings.cache else { return };
    let folder = cache.join("doctor");
    let name = blake3::hash(settings.place.address().as_encoded_bytes()).to_hex();
    let kept = json!({
        "address": store.address.to_string(),
        "time": time::rfc3339(SystemClock.now_ns()),
        "verdict": fields,
    });
    let path = folder.join(format!("{name}.json"));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, kept.to_string()));
    if let Err(error) = written {
        tracing::debug!(path = %path.display(), %error, "verdict not kept");
    }
}
