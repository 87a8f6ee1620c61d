//! What was found out about a store, and what it means.

use std::path::Path;
use std::time::Duration;

use heirloom_backends::doctor::{Finding, Verdict};
use heirloom_engine::error::StorageError;
use serde_json::{Value, json};

use super::names;
use super::numbers::{bytes, count};

/// Most stores that sign requests by time refuse a clock that is further off.
pub(crate) const SKEW_SECONDS_MAX: i64 = 300;

type Step = Result<Finding, (&'static str, StorageError)>;

pub(crate) fn heading(address: &str) -> String {
    format!("examining {address}\n")
}

/// One line for people: the verdict, what was seen, what it means.
pub(crate) fn line(step: &Step) -> String {
    match step {
        Ok(finding) => format!("{:<8}{}\n", word(finding.verdict()), sentence(finding)),
        Err((name, error)) => {
            let below =
                error.source.as_ref().map_or_else(String::new, |source| format!(": {source}"));
            format!("{:<8}{name} could not be measured: {error}{below}\n", "failed")
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Good => "good",
        Verdict::Weak => "weak",
        Verdict::Unsafe => "UNSAFE",
    }
}

fn sentence(finding: &Finding) -> String {
    match finding {
        Finding::ReadAfterWrite { tried, failed: 0 } => {
            format!("an object can be read as soon as it was put ({tried} of {tried})")
        }
        Finding::ReadAfterWrite { tried, failed } => {
            format!("{failed} of {tried} objects could not be read back as soon as they were put")
        }
        Finding::ListAfterWrite { tried, late: 0, never: 0, .. } => {
            format!("an object is listed as soon as it was put ({tried} of {tried})")
        }
        Finding::ListAfterWrite { never: 0, tried, late, slowest } => format!(
            "{late} of {tried} objects were listed late, by up to {}: snapshots are safe, deleting must wait that long",
            time(*slowest)
        ),
        Finding::ListAfterWrite { tried, never, .. } => {
            format!("{never} of {tried} objects were not listed within a minute")
        }
        Finding::DeleteAfterWrite { tried, lingering: 0 } => {
            format!("a deleted object is gone at once ({tried} of {tried})")
        }
        Finding::DeleteAfterWrite { tried, lingering } => format!(
            "{lingering} of {tried} deleted objects were still there: harmless, names are never used again"
        ),
        Finding::TornWrites { looks: 0, .. } => {
            "objects arrive too fast to see whether others see them half written".to_owned()
        }
        Finding::TornWrites { looks, torn: 0 } => {
            format!("nobody saw an object half written ({} looks)", count((*looks).into()))
        }
        Finding::TornWrites { looks, torn } => format!(
            "{torn} of {looks} looks saw an object half written: every read is verified, so nothing wrong is \
             restored, but another machine may call such an object damaged while it is on its way"
        ),
        Finding::Ranges { tried, wrong: 0 } => {
            format!("parts of objects are exact ({tried} ranges)")
        }
        Finding::Ranges { tried, wrong } => format!("{wrong} of {tried} ranges were wrong"),
        Finding::Names { tried, lost: 0 } => {
            format!("names are kept as they are ({tried} of {tried})")
        }
        Finding::Names { tried, lost } => format!("{lost} of {tried} names were changed or lost"),
        Finding::Listing { objects, missing: 0, wrong_size: 0 } => {
            format!("a listing of {} objects is complete, with sizes", count((*objects).into()))
        }
        Finding::Listing { objects, missing, wrong_size } => format!(
            "in a listing of {objects} objects {missing} were missing and {wrong_size} had a wrong size"
        ),
        Finding::LargestObject { bytes: largest, refused: None } => {
            format!("objects of {} are kept", bytes(*largest))
        }
        Finding::LargestObject { bytes: largest, refused: Some(size) } => format!(
            "objects of {} are kept, {} are not: use `init --pack-size` below that",
            bytes(*largest),
            bytes(*size)
        ),
        Finding::Latency { put, read, list } => {
            format!("latency: put {}, read {}, list {}", time(*put), time(*read), time(*list))
        }
        Finding::Throughput { put, put_parallel, read } => format!(
            "throughput: put {}/s ({}/s several at once), read {}/s",
            bytes(*put),
            bytes(*put_parallel),
            bytes(*read)
        ),
    }
}

fn time(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms >= 10_000 { format!("{} s", ms / 1000) } else { format!("{ms} ms") }
}

pub(crate) fn clock(skew: Option<i64>) -> String {
    match skew {
        None => "        the store does not tell the time\n".to_owned(),
        Some(seconds) if seconds.abs() <= SKEW_SECONDS_MAX => {
            format!("good    the clocks of store and machine differ by {} s\n", seconds.abs())
        }
        Some(seconds) => format!(
            "weak    this machine's clock is {} s {} the store's: set it, or the store may refuse requests\n",
            seconds.abs(),
            if seconds > 0 { "behind" } else { "ahead of" }
        ),
    }
}

pub(crate) fn cache(cache: Option<(&Path, bool)>) -> String {
    match cache {
        None => "        no local cache is kept\n".to_owned(),
        Some((folder, true)) => {
            format!("good    the cache folder {} can be written\n", names::path(folder))
        }
        Some((folder, false)) => {
            format!("weak    the cache folder {} cannot be written\n", names::path(folder))
        }
    }
}

pub(crate) fn fuse(there: bool) -> String {
    if there {
        "good    /dev/fuse is there\n".to_owned()
    } else {
        "        /dev/fuse is not there: snapshots cannot be mounted\n".to_owned()
    }
}

pub(crate) fn verdict(verdict: Verdict) -> String {
    match verdict {
        Verdict::Good => "This store is fit for a repository.\n".to_owned(),
        Verdict::Weak => {
            "This store is fit for a repository, with the weaknesses above.\n".to_owned()
        }
        Verdict::Unsafe => {
            "This store must not hold a repository: data would be lost.\n".to_owned()
        }
    }
}

pub(crate) fn id(step: &Step) -> &'static str {
    match step {
        Ok(finding) => finding.name(),
        Err((name, _)) => name,
    }
}

pub(crate) fn fields(step: &Step) -> Value {
    let finding = match step {
        Ok(finding) => finding,
        Err((_, error)) => return json!({ "verdict": "failed", "message": error.to_string() }),
    };
    let mut fields = numbers(finding);
    if let Value::Object(fields) = &mut fields {
        fields.insert("verdict".to_owned(), json!(word(finding.verdict()).to_ascii_lowercase()));
        fields.insert("message".to_owned(), json!(sentence(finding)));
    }
    fields
}

fn numbers(finding: &Finding) -> Value {
    match finding {
        Finding::ReadAfterWrite { tried, failed } => json!({ "tried": tried, "failed": failed }),
        Finding::ListAfterWrite { tried, late, never, slowest } => json!({
            "tried": tried, "late": late, "never": never, "slowest_seconds": slowest.as_secs_f64(),
        }),
        Finding::DeleteAfterWrite { tried, lingering } => {
            json!({ "tried": tried, "lingering": lingering })
        }
        Finding::TornWrites { looks, torn } => json!({ "looks": looks, "torn": torn }),
        Finding::Ranges { tried, wrong } => json!({ "tried": tried, "wrong": wrong }),
        Finding::Names { tried, lost } => json!({ "tried": tried, "lost": lost }),
        Finding::Listing { objects, missing, wrong_size } => {
            json!({ "objects": objects, "missing": missing, "wrong_size": wrong_size })
        }
        Finding::LargestObject { bytes, refused } => json!({ "bytes": bytes, "refused": refused }),
        Finding::Latency { put, read, list } => json!({
            "put_seconds": put.as_secs_f64(),
            "read_seconds": read.as_secs_f64(),
            "list_seconds": list.as_secs_f64(),
        }),
        Finding::Throughput { put, put_parallel, read } => json!({
            "put_bytes_per_second": put,
            "put_parallel_bytes_per_second": put_parallel,
            "read_bytes_per_second": read,
        }),
    }
}

pub(crate) fn summary(verdict: Verdict, skew: Option<i64>, steps: &[Step]) -> Value {
    let steps: serde_json::Map<String, Value> =
        steps.iter().map(|step| (id(step).to_owned(), fields(step))).collect();
    json!({
        "verdict": word(verdict).to_ascii_lowercase(),
        "clock_skew_seconds": skew,
        "findings": steps,
    })
}
