//! `heirloom plugin`.

use std::sync::Arc;

use heirloom_backends::conformance::{self, Outcome};
use heirloom_engine::repository::Storage;
use heirloom_plugin_host::{About, installed};
use serde_json::json;
use tokio::runtime::Builder;

use crate::args::plugin::{PluginAction, PluginArgs, PluginTestArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Event, Output};
use crate::plugins;
use crate::render::plugin;
use crate::settings::{self, Settings};

pub(crate) fn run(settings: &Settings, arguments: &PluginArgs) -> Result<Exit, Failure> {
    match &arguments.action {
        PluginAction::List => list(settings.output),
        PluginAction::Test(arguments) => test(settings, arguments),
    }
}

fn list(output: Output) -> Result<Exit, Failure> {
    let folders = settings::plugin_folders();
    let found = installed(&folders);
    output.text(&plugin::installed(&found, &folders))?;
    for plugin in &found {
        let fields = json!({
            "plugin": plugin.name,
            "path": plugin.path.to_string_lossy(),
            "refused": plugin.refused.as_ref().map(ToString::to_string),
        });
        output.event(Event::Plugin, "plugin.found", fields)?;
    }
    Ok(Exit::Success)
}

fn test(settings: &Settings, arguments: &PluginTestArgs) -> Result<Exit, Failure> {
    let output = settings.output;
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("store")
        .enable_all()
        .build()
        .map_err(Failure::System)?;
    let options = (&settings.store.options, &settings.store_variables);
    let storage = plugins::start(&arguments.name, &arguments.target, options, runtime.handle())?;
    if let Some(about) = storage.about() {
        begin(output, &arguments.name, &about)?;
    }
    let mut reported = Ok(());
    let mut report = |outcome: &Outcome| {
        if reported.is_ok() {
            reported = tell(output, outcome);
        }
    };
    let store: Arc<dyn Storage> = storage;
    let outcomes = runtime.block_on(conformance::run(store, &mut report));
    runtime.shutdown_background();
    reported?;
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    output.text(&plugin::verdict(outcomes.len(), failed))?;
    let fields = json!({ "checks": outcomes.len(), "failed": failed });
    output.event(Event::Summary, "plugin.tested", fields)?;
    Ok(if failed == 0 { Exit::Success } else { Exit::Failed })
}

fn begin(output: Output, name: &str, about: &About) -> Result<(), Failure> {
    output.text(&plugin::about(name, about))?;
    let ability = about.ability;
    let fields = json!({
        "plugin": name,
        "name": about.name,
        "version": about.version,
        "atomic_put": ability.atomic_put,
        "durable": ability.durable,
        "size": ability.size,
        "parallel": ability.parallel,
        "max_object_bytes": ability.max_object_bytes,
    });
    output.event(Event::Plugin, "plugin.started", fields)
}

fn tell(output: Output, outcome: &Outcome) -> Result<(), Failure> {
    output.text(&plugin::outcome(outcome))?;
    let fields = json!({
        "check": outcome.name,
        "passed": outcome.result.is_ok(),
        "message": outcome.result.as_ref().err(),
        "seconds": outcome.took.as_secs_f64(),
    });
    output.event(Event::Plugin, "plugin.checked", fields)
}
