//! Logging in to WebDAV servers, and what they put differently.

use super::*;

fn dav(host: &str) -> Opened {
    store(&format!("webdav+http://anna@{host}/d?retries=0&timeout=1"), StoreSettings::default())
}

/// What a server says that keeps every object, all of one byte.
fn kept(asked: &Asked) -> String {
    if !asked.line.starts_with("PROPFIND ") {
        return answer("201 Created", "", "");
    }
    let path = asked.line.split(' ').nth(1).unwrap_or_default();
    let listing = format!(
        "<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>{path}</D:href>\
         <D:propstat><D:prop><D:getcontentlength>1</D:getcontentlength>\
         <D:getlastmodified>Sun, 01 Nov 2026 00:00:00 GMT</D:getlastmodified><D:resourcetype/>\
         </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>"
    );
    answer("207 Multi-Status", "", &listing)
}

#[tokio::test]
async fn a_password_is_not_shown_to_a_server_that_knows_digest() {
    let challenge = "WWW-Authenticate: Basic realm=\"b\"\r\nWWW-Authenticate: Digest realm=\"r\", \
                     qop=\"auth\", algorithm=MD5, nonce=\"abcdef0123456789\", opaque=\"o\"\r\n";
    let logins = Arc::new(AtomicUsize::new(0));
    let host = server({
        let logins = Arc::clone(&logins);
        move |asked| match asked.header("authorization") {
            None => answer("401 Unauthorized", challenge, ""),
            Some(login) => {
                assert!(login.starts_with("Digest "), "{login}");
                let given = digest_auth::AuthorizationHeader::parse(login).expect("it parses");
                let method = asked.line.split(' ').next().unwrap_or_default();
                let mut again = given.clone();
                let path = asked.line.split(' ').nth(1).unwrap_or_default();
                let context = digest_auth::AuthContext::new_with_method(
                    "anna",
                    "very-secret-password",
                    path,
                    None::<&[u8]>,
                    digest_auth::HttpMethod::from(method),
                );
                again.digest(&context);
                assert_eq!(again.response, given.response);
                logins.fetch_add(1, Ordering::Relaxed);
                kept(&asked)
            }
        }
    })
    .await;
    let opened = dav(&host);
    opened.storage.put("packs/a", Bytes::from_static(b"x")).await.expect("it logs in");
    opened.storage.put("packs/b", Bytes::from_static(b"y")).await.expect("it stays logged in");
    // Each put asks what arrived; only the first request of all is refused.
    assert_eq!(logins.load(Ordering::Relaxed), 4);
    assert_eq!(opened.traffic.total().requests, 5);
}

#[tokio::test]
async fn many_first_calls_at_once_all_log_in() {
    let digest =
        "WWW-Authenticate: Digest realm=\"r\", qop=\"auth\", nonce=\"abcdef0123456789\"\r\n";
    for challenge in ["WWW-Authenticate: Basic realm=\"b\"\r\n", digest] {
        let host = server(move |asked| match asked.header("authorization") {
            None => answer("401 Unauthorized", challenge, ""),
            Some(_) => kept(&asked),
        })
        .await;
        let storage = dav(&host).storage;
        let puts = (0..20).map(|n| {
            let storage = Arc::clone(&storage);
            async move { storage.put(&format!("packs/{n}"), Bytes::from_static(b"x")).await }
        });
        futures::future::try_join_all(puts).await.expect("every one logs in");
    }
}

#[tokio::test]
async fn a_wrong_password_is_permission_denied_and_never_printed() {
    let host = server(|asked| {
        let heard = asked.header("authorization").unwrap_or("nothing").to_owned();
        answer("401 Unauthorized", "WWW-Authenticate: Basic realm=\"b\"\r\n", &heard)
    })
    .await;
    let opened = dav(&host);
    let error = opened.storage.read("packs/a", None).await.expect_err("it is refused");
    assert_eq!((error.kind, error.temporary), (ErrorKind::PermissionDenied, false));
    assert!(!words(&error).contains("YW5uYTp2ZXJ5LXNlY3JldC1wYXNzd29yZA"), "{}", words(&error));
    assert_eq!(opened.traffic.total().requests, 2);
}

#[tokio::test]
async fn what_webdav_servers_put_differently_is_understood() {
    let host = server(|asked| {
        let listing = "<d:multistatus xmlns:d=\"DAV:\"><d:response><d:href>http://elsewhere/d/packs/</d:href>\
            <d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype></d:prop>\
            <d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response><d:response>\
            <d:href>http://elsewhere/d/packs/00ff</d:href><d:propstat><d:prop>\
            <d:getcontentlength>5</d:getcontentlength></d:prop><d:status>HTTP/1.1 200 OK</d:status>\
            </d:propstat></d:response></d:multistatus>";
        assert!(!asked.line.starts_with("DELETE") || !asked.line.contains("/ "), "{}", asked.line);
        match asked.line.split(' ').next() {
            Some("PROPFIND") => answer("207 Multi-Status", "", listing),
            _ => answer("200 OK", "", "done"),
        }
    })
    .await;
    let storage = dav(&host).storage;
    let listed: Vec<_> = storage.list("packs/").try_collect().await.expect("it is a listing");
    assert_eq!((listed.len(), listed[0].name.as_str(), listed[0].size), (1, "packs/00ff", 5));
    storage.delete("packs/00ff").await.expect("200 is as good as 204");
}
