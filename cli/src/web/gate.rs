//! Who may see the pages: the browser that was given the token, and no page of anybody else.
//!
//! The token in the address is good for one visit and becomes a cookie. The pages lie below a folder with a random name,
//! since browsers send a cookie to every port of a machine: nobody else's server here is sent this one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header::{COOKIE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};
use heirloom_engine::clock::Clock;
use subtle::ConstantTimeEq as _;

use crate::render::entry::hex;

const COOKIE_NAME: &str = "heirloom-session";

/// Who may see the pages.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    token: String,
    spent: AtomicBool,
    session: String,
    /// Where the pages lie: `/…/`.
    pub(crate) base: String,
    policy: HeaderValue,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be answered.
    Welcome,
    /// It brings the token: the answer is the cookie.
    Enter,
    /// It does not come from a page of ours, or the name that it asks for is not ours.
    Foreign,
    /// It has neither cookie nor token.
    Stranger,
}

impl Gate {
    pub(crate) fn new(address: SocketAddr, clock: &dyn Clock) -> Self {
        let random = |bytes: usize| {
            let mut secret = vec![0; bytes];
            clock.fill_random(&mut secret);
            hex(&secret)
        };
        let base = format!("/{}/", random(8));
        let script = |host| format!("http://{host}{base}script.js");
        let scripts = origins(address).map(script).join(" ");
        let policy = format!(
            "default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self'; \
             media-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).expect("it is made of ASCII");
        let (token, session) = (random(32), random(32));
        Self { address, token, spent: AtomicBool::new(false), session, base, policy }
    }

    /// What to open in a browser.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// The cookie that the token is exchanged for.
    pub(crate) fn cookie(&self) -> String {
        let Self { session, base, .. } = self;
        format!("{COOKIE_NAME}={session}; Path={base}; HttpOnly; SameSite=Strict")
    }

    pub(crate) fn judge<B>(&self, request: &Request<B>) -> Verdict {
        let headers = request.headers();
        let is_ours = |host: &str| {
            let hosts = origins(self.address);
            hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
        };
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        let asked = request.uri().authority().is_none_or(|host| is_ours(host.as_str()));
        if !host.is_some_and(is_ours) || !asked {
            return Verdict::Foreign;
        }
        if request.uri().path() == "/" {
            let token = request.uri().query().and_then(|query| query.strip_prefix("token="));
            return if token.is_some_and(|token| self.spend(token)) {
                Verdict::Enter
            } else {
                Verdict::Stranger
            };
        }
        if !is_asked_by_us(headers, is_ours) {
            return Verdict::Foreign;
        }
        let is_inside = request.uri().path().starts_with(&self.base);
        if is_inside && self.has_session(headers) { Verdict::Welcome } else { Verdict::Stranger }
    }

    /// Whether it is the token, for the first time.
    fn spend(&self, token: &str) -> bool {
        let is_right = bool::from(token.as_bytes().ct_eq(self.token.as_bytes()));
        is_right && !self.spent.swap(true, Ordering::SeqCst)
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE_NAME).then_some(value)
        });
        pairs.any(|value| bool::from(value.as_bytes().ct_eq(self.session.as_bytes())))
    }

    /// Adds what every answer says to the browser; contents of files bring a stricter policy along.
    pub(crate) fn protect(&self, headers: &mut HeaderMap) {
        let policy = HeaderName::from_static("content-security-policy");
        headers.entry(policy).or_insert_with(|| self.policy.clone());
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
            ("cache-control", "no-store"),
        ] {
            let name = HeaderName::from_static(name);
            headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
    }
}

/// Whoever has the token may come from anywhere; a page of another site, or of another port, may ask for nothing else.
fn is_asked_by_us(headers: &HeaderMap, is_ours: impl Fn(&str) -> bool) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let is_own = |origin: &str| origin.strip_prefix("http://").is_some_and(&is_ours);
    matches!(text("sec-fetch-site"), None | Some("same-origin" | "none"))
        && text("origin").is_none_or(is_own)
}

/// The names under which browsers know the address.
fn origins(address: SocketAddr) -> [String; 2] {
    let port = address.port();
    let named = |name: String| if port == 80 { name } else { format!("{name}:{port}") };
    let ip = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    [named(ip), named("localhost".to_owned())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemClock;

    fn gate() -> Gate {
        Gate::new(SocketAddr::from(([127, 0, 0, 1], 4711)), &SystemClock)
    }

    fn judge(gate: &Gate, path: &str, headers: &[(&str, &str)]) -> Verdict {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        gate.judge(&request.body(()).expect("a request"))
    }

    const OURS: (&str, &str) = ("host", "127.0.0.1:4711");

    #[test]
    fn the_token_is_good_for_one_visit() {
        let gate = gate();
        let path = gate.url().replace("http://127.0.0.1:4711", "");
        assert_eq!(judge(&gate, "/?token=", &[OURS]), Verdict::Stranger);
        assert_eq!(judge(&gate, "/?token=00", &[OURS]), Verdict::Stranger);
        assert_eq!(judge(&gate, &path, &[OURS]), Verdict::Enter);
        assert_eq!(judge(&gate, &path, &[OURS]), Verdict::Stranger);
    }

    #[test]
    fn the_cookie_opens_the_pages_and_nothing_else_does() {
        let gate = gate();
        let cookie = gate.cookie().split(';').next().expect("a pair").to_owned();
        let base = gate.base.clone();
        let with = |cookie: &str| judge(&gate, &base, &[OURS, ("cookie", cookie)]);
        assert_eq!(with(&cookie), Verdict::Welcome);
        assert_eq!(with(&format!("a=b; {cookie}; c=d")), Verdict::Welcome);
        assert_eq!(
            with(cookie.strip_suffix(|_: char| true).expect("a last digit")),
            Verdict::Stranger
        );
        assert_eq!(with(&format!("x{cookie}")), Verdict::Stranger);
        assert_eq!(with("heirloom-session="), Verdict::Stranger);
        assert_eq!(judge(&gate, &base, &[OURS]), Verdict::Stranger);
        assert_eq!(judge(&gate, "/other/", &[OURS, ("cookie", &cookie)]), Verdict::Stranger);
    }

    #[test]
    fn other_names_and_other_sites_are_refused() {
        let gate = gate();
        let cookie = gate.cookie().split(';').next().expect("a pair").to_owned();
        let own = [OURS, ("cookie", cookie.as_str())];
        let base = gate.base.clone();
        for host in ["evil.example:4711", "127.0.0.1", "127.0.0.1:80", "127.0.0.2:4711", ""] {
            let found = judge(&gate, &base, &[("host", host), own[1]]);
            assert_eq!(found, Verdict::Foreign, "{host}");
        }
        assert_eq!(judge(&gate, &base, &[own[1]]), Verdict::Foreign);
        let localhost = [("host", "LOCALHOST:4711"), own[1]];
        assert_eq!(judge(&gate, &base, &localhost), Verdict::Welcome);
        for (name, value, expected) in [
            ("sec-fetch-site", "same-origin", Verdict::Welcome),
            ("sec-fetch-site", "none", Verdict::Welcome),
            ("sec-fetch-site", "cross-site", Verdict::Foreign),
            ("sec-fetch-site", "same-site", Verdict::Foreign),
            ("origin", "http://127.0.0.1:4711", Verdict::Welcome),
            ("origin", "http://127.0.0.1:4712", Verdict::Foreign),
            ("origin", "https://127.0.0.1:4711", Verdict::Foreign),
            ("origin", "null", Verdict::Foreign),
        ] {
            let found = judge(&gate, &base, &[own[0], own[1], (name, value)]);
            assert_eq!(found, expected, "{name}: {value}");
        }
        let absolute = format!("http://evil.example{base}");
        assert_eq!(judge(&gate, &absolute, &own), Verdict::Foreign);
    }

    #[test]
    fn another_site_may_point_to_the_address_that_was_printed() {
        let gate = gate();
        let path = gate.url().replace("http://127.0.0.1:4711", "");
        let foreign = ("sec-fetch-site", "cross-site");
        assert_eq!(judge(&gate, &path, &[OURS, foreign]), Verdict::Enter);
    }
}
