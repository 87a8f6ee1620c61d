//! Who is not let in, and what is never told to a browser.

use anyhow::{Context as _, Result};
use heirloom_kit::raw_http;

use crate::stage::{HOSTILE, Stage};

#[test]
fn without_the_token_nobody_gets_in_and_with_it_only_one() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    for path in ["/", "/?token=", "/?token=0000", "/style.css", "/..%2f", "/f/latest"] {
        let answer = browse.ask(path, &[])?;
        assert_eq!(answer.status, 403, "{path}");
        assert!(answer.text().contains("heirloom browse"), "{path}: no hint");
    }
    let session = browse.enter()?;
    assert_eq!(browse.ask(browse.entrance(), &[])?.status, 403, "the token worked twice");
    assert_eq!(session.ask("", &[])?.status, 200);
    assert_eq!(browse.ask(&session.base, &[])?.status, 403, "without the cookie");
    let forged = session.cookie.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(browse.ask(&session.base, &[("cookie", &forged)])?.status, 403);
    Ok(())
}

#[test]
fn other_hosts_other_sites_and_other_methods_are_refused() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let port = browse.address.port();
    // Whoever rebinds a name of his to this machine does not even learn whether the token is right.
    let evil = format!("evil.example:{port}");
    assert_eq!(browse.ask(browse.entrance(), &[("host", &evil)])?.status, 403);
    let session = browse.enter()?;
    for host in [evil.as_str(), "127.0.0.1", "localhost", "[::1]:80", ""] {
        assert_eq!(session.ask("", &[("host", host)])?.status, 403, "{host}");
    }
    assert_eq!(session.ask("", &[("host", &format!("localhost:{port}"))])?.status, 200);
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(session.ask("", &[(name, value)])?.status, 403, "{name}: {value}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        let headers = [("cookie", session.cookie.as_str())];
        let answer = raw_http(browse.address, (method, &session.base), &headers, b"")?;
        assert_eq!(answer.status, 405, "{method}");
    }
    Ok(())
}

#[test]
fn every_answer_tells_the_browser_to_be_strict() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let refused = browse.ask("/", &[])?;
    let session = browse.enter()?;
    let links = [
        String::new(),
        "style.css".to_owned(),
        "nothing".to_owned(),
        stage.link("f", 0, "odd"),
        stage.link("raw", 0, "video.mp4"),
        stage.link("save", 0, "documents/page.html"),
        stage.link("thumb", 0, "pictures/photo 1.jpg"),
        stage.link("zip", 0, "documents"),
    ];
    let answers = links.iter().map(|link| session.ask(link, &[]));
    for answer in answers.chain([Ok(refused)]) {
        let answer = answer?;
        let policy = answer.header("content-security-policy").context("a policy")?;
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        let script = policy.split(';').find(|part| part.trim().starts_with("script-src"));
        assert!(script.is_none_or(|script| !script.contains("unsafe")), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value));
        }
        let cached = answer.header("cache-control").unwrap_or_default();
        let is_asset =
            answer.header("content-type").is_some_and(|kind| kind.starts_with("text/css"));
        assert!(is_asset || cached == "no-store", "{cached}");
    }
    Ok(())
}

#[test]
fn what_a_browser_could_run_is_only_ever_saved() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    for name in ["documents/page.html", "documents/drawing.svg", "documents/notes.txt"] {
        for verb in ["raw", "save"] {
            let answer = session.get(&stage.link(verb, 0, name))?;
            assert_eq!(answer.header("content-type"), Some("application/octet-stream"), "{name}");
            let how = answer.header("content-disposition").context("a disposition")?;
            assert!(how.starts_with("attachment; "), "{name}: {how}");
        }
    }
    let page = session.get(&stage.link("f", 0, "documents/page.html"))?.text();
    assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"), "{page}");
    let page = session.get(&stage.link("f", 0, "odd"))?.text();
    assert!(page.contains("&lt;img src=x onerror"), "{page}");
    let link = stage.link("f", 0, format!("odd/{}", HOSTILE.replace('/', "")));
    for link in [link.clone(), format!("{link}?view=%3Cscript%3E&sort=%22%3E%3Cscript%3E")] {
        let page = session.get(&link)?.text();
        assert!(!page.contains("<img src=x") && !page.contains("<script>"), "{page}");
    }
    let page = session.get("search?q=%22%3E%3Cscript%3Ealert(1)")?.text();
    assert!(!page.contains("<script>"), "{page}");
    Ok(())
}

#[test]
fn nothing_outside_a_snapshot_can_be_had() -> Result<()> {
    let stage = Stage::new()?;
    let browse = stage.browse(&[])?;
    let session = browse.enter()?;
    let root = format!("raw/{}", stage.snapshots[0]);
    for path in [
        "/etc/passwd",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%00",
        "/%c0%ae%c0%ae/etc/passwd",
    ] {
        for verb in ["raw", "save", "f", "thumb", "zip", "versions", "compare"] {
            let answer = session.ask(&format!("{}{path}", root.replace("raw", verb)), &[])?;
            // A path that a snapshot does not have can be compared, and has no versions.
            let is_empty = matches!(verb, "versions" | "compare") && answer.status == 200;
            assert!(is_empty || answer.status == 404, "{verb}{path}: {}", answer.status);
            assert!(!answer.text().contains("root:x:"), "{verb}{path}");
        }
    }
    for link in ["raw/latest/x", "raw/../x", "raw", "f/00000000000000000000000000000000/x"] {
        assert_eq!(session.ask(link, &[])?.status, 404, "{link}");
    }
    Ok(())
}

#[test]
fn other_machines_are_never_listened_to() -> Result<()> {
    let stage = Stage::new()?;
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:80"] {
        let refused = stage.run(&["browse", "--listen", address]);
        let words = refused.err().context("it listens")?.to_string();
        assert!(words.contains("can be reached from other machines"), "{words}");
    }
    Ok(())
}
