//! From a request to an answer, and from the first request to the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderValue, Method, Response, StatusCode};
use heirloom_engine::tree::Kind;
use maud::{DOCTYPE, html};
use tokio::net::TcpListener;

use super::app::App;
use super::page::{Answer, Fault, fault, html_answer, refusal};
use super::{archive, compare, content, file, folder, search, thumbnail, timeline, versions};
use crate::web::ask::Ask;
use crate::web::gate::Verdict;

/// How often an interrupt is looked for.
const GLANCE: Duration = Duration::from_millis(100);
/// For answers that are under way when it comes.
const FAREWELL: Duration = Duration::from_secs(1);

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = include_str!("assets/script.js");
const ICON: &str = include_str!("assets/icon.svg");

/// Answers until somebody presses Ctrl-C.
pub(super) async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    interrupted: Arc<AtomicBool>,
) -> io::Result<()> {
    let router = Router::new().fallback(respond).with_state(app);
    let ended = wait(Arc::clone(&interrupted));
    let served = axum::serve(listener, router).with_graceful_shutdown(ended);
    let late = async {
        wait(interrupted).await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = served.into_future() => served,
        () = late => Ok(()),
    }
}

async fn wait(interrupted: Arc<AtomicBool>) {
    while !interrupted.load(Ordering::Relaxed) {
        tokio::time::sleep(GLANCE).await;
    }
}

async fn respond(State(app): State<Arc<App>>, request: Request) -> Response<Body> {
    let is_question = matches!(*request.method(), Method::GET | Method::HEAD);
    let ask = Ask::parse(&app.gate.base, &request);
    let verdict = is_question.then(|| app.gate.judge(&request));
    let mut answer = match verdict {
        None => nothing_to_change(),
        Some(Verdict::Welcome) => match welcome(&app, ask).await {
            Ok(answer) => answer,
            Err(why) => fault(&app.gate.base, &why),
        },
        Some(Verdict::Enter) => enter(&app),
        Some(Verdict::Foreign) => refusal(
            StatusCode::FORBIDDEN,
            "This address is not ours, or another site asks",
            "Open the address that heirloom browse printed.",
        ),
        Some(Verdict::Stranger) => refusal(
            StatusCode::FORBIDDEN,
            "Only the browser that was let in may look",
            "The address that heirloom browse prints works once, in one browser. \
             End the command with Ctrl-C and start it again for a new one.",
        ),
    };
    app.gate.protect(answer.headers_mut());
    answer
}

fn nothing_to_change() -> Response<Body> {
    let status = StatusCode::METHOD_NOT_ALLOWED;
    let mut answer = refusal(status, "Nothing can be changed here", "Only GET and HEAD.");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

/// A page that leads on by itself: a browser that came here from elsewhere would not send its new cookie after a
/// redirect.
fn enter(app: &App) -> Response<Body> {
    let start = format!("{}{}", app.gate.base, app.start);
    let refresh = format!("0; url={start}");
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="color-scheme" content="light dark";
                meta http-equiv="refresh" content=(refresh);
                title { "Heirloom" }
            }
            body { a href=(start) { "Go on" } }
        }
    };
    let mut answer = html_answer(StatusCode::OK, markup);
    let cookie = HeaderValue::from_str(&app.gate.cookie()).expect("it is made of ASCII");
    answer.headers_mut().insert(SET_COOKIE, cookie);
    answer
}

async fn welcome(app: &Arc<App>, ask: Option<Ask>) -> Answer {
    let ask = ask.ok_or_else(Fault::absent)?;
    match ask.verb.as_str() {
        "style.css" => return Ok(asset(STYLE, "text/css; charset=utf-8")),
        "script.js" => return Ok(asset(SCRIPT, "text/javascript; charset=utf-8")),
        "icon.svg" => return Ok(asset(ICON, "image/svg+xml")),
        "thumb" => return thumbnail::answer(app, ask).await,
        _ => {}
    }
    let closed =
        || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "the program ends", "start it again");
    let permit = app.pages.acquire().await.map_err(|_closed| closed())?;
    let shared = Arc::clone(app);
    let made = tokio::task::spawn_blocking(move || make(&shared, &ask)).await;
    drop(permit);
    made.unwrap_or_else(|_panicked| {
        let what = "this page could not be made";
        Err(Fault::new(StatusCode::INTERNAL_SERVER_ERROR, what, "please report it as a defect"))
    })
}

fn make(app: &Arc<App>, ask: &Ask) -> Answer {
    match ask.verb.as_str() {
        "" => timeline::answer(app, ask),
        "f" => {
            let snapshot = app.snapshot(ask.session)?;
            let entry = app.entry(&snapshot, &ask.key)?;
            match entry.kind {
                Kind::Folder => Ok(folder::answer(app, ask, &snapshot)),
                Kind::File => Ok(file::answer(app, ask, &snapshot, &entry)),
                Kind::Symlink
                | Kind::Fifo
                | Kind::Socket
                | Kind::CharDevice
                | Kind::BlockDevice => file::other(app, ask, &snapshot, &entry),
            }
        }
        "raw" => content::answer(app, ask, false),
        "save" => content::answer(app, ask, true),
        "zip" => archive::answer(app, ask),
        "search" => search::answer(app, ask),
        "compare" => compare::answer(app, ask),
        "versions" => versions::answer(app, ask),
        _ => Err(Fault::absent()),
    }
}

/// A part of the program; below an address that no other run has.
fn asset(text: &'static str, mime: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(mime));
    let kept = HeaderValue::from_static("private, max-age=3600");
    answer.headers_mut().insert(CACHE_CONTROL, kept);
    answer
}
