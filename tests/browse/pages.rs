//! The page in Chromium. Pictures of the windows are left in the folder `browse` beside what was built.

use anyhow::Result;
use fantoccini::Locator;
use fantoccini::key::Key;
use heirloom_kit::block_on;
use heirloom_kit::servers::Browser;
use serde_json::json;

use crate::samples::VIDEO_SECONDS;
use crate::stage::Stage;
use crate::window::Window;

/// What is wrong on a page shows in its console; a picture that cannot be made small is not wrong.
const QUIET: &str =
    "performance.getEntriesByType('resource').every((one) => one.responseStatus < 400)";

#[test]
fn a_browser_walks_previews_searches_and_compares() -> Result<()> {
    let stage = Stage::new()?;
    let browser = Browser::start()?;
    let browse = stage.browse(&[])?;
    block_on(async {
        let window = Window::open(&browser, &["--window-size=1200,850"]).await?;
        window.enter(&browse).await?;
        assert_eq!(window.heading().await?, "Snapshots");
        assert!(!window.0.current_url().await?.as_str().contains("token"));
        window.picture("timeline").await?;
        window.0.find(Locator::Css("a.item")).await?.click().await?;
        window.until("document.querySelector('h1').innerText === 'source'").await?;
        window.until(QUIET).await?;
        window.picture("folder").await?;
        pictures(&window).await?;
        video(&window).await?;
        texts(&window).await?;
        searches(&window).await?;
        compares(&window).await?;
        Ok(window.0.close().await?)
    })
}

async fn pictures(window: &Window) -> Result<()> {
    window.follow("pictures").await?;
    window.until("document.querySelectorAll('.tiles li').length === 7").await?;
    let whole = "Array.from(document.querySelectorAll('.frame img')).filter((one) => one.complete && one.naturalWidth > 0).length";
    // The broken one is taken away, and its sign is left.
    window.until(&format!("{whole} === 6")).await?;
    assert_eq!(window.value("document.querySelectorAll('.frame img').length").await?, json!(6));
    window.picture("grid").await?;
    window.follow("photo 1.jpg").await?;
    let shown = "document.querySelector('.stage img')";
    window.until(&format!("{shown} && {shown}.complete && {shown}.naturalWidth === 900")).await?;
    window.picture("picture").await?;
    window.press(char::from(Key::Right)).await?;
    window.until("document.querySelector('h1').innerText === 'photo 2.jpg'").await?;
    window.press('p').await?;
    window.until("document.querySelector('h1').innerText === 'photo 1.jpg'").await?;
    window.press('u').await?;
    window.until("document.querySelector('h1').innerText === 'pictures'").await?;
    window.press(char::from(Key::Backspace)).await?;
    window.until("document.querySelector('h1').innerText === 'source'").await
}

async fn video(window: &Window) -> Result<()> {
    window.follow("video.mp4").await?;
    let video = "document.querySelector('video')";
    window.until(&format!("{video} && {video}.readyState >= 1")).await?;
    assert_eq!(window.value(&format!("Math.round({video}.duration)")).await?, json!(VIDEO_SECONDS));
    assert_eq!(window.value(&format!("{video}.videoWidth")).await?, json!(64));
    window.value(&format!("{video}.currentTime = 18")).await?;
    window.until(&format!("!{video}.seeking && {video}.readyState >= 2")).await?;
    assert_eq!(window.value(&format!("{video}.currentTime")).await?, json!(18));
    let ranges = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/raw/')).map((one) => one.responseStatus)";
    let ranges = window.value(ranges).await?;
    let ranges = ranges.as_array().cloned().unwrap_or_default();
    assert!(ranges.contains(&json!(206)), "{ranges:?}");
    window.picture("video").await?;
    window.press(char::from(Key::Escape)).await?;
    window.until("document.querySelector('h1').innerText === 'source'").await
}

async fn texts(window: &Window) -> Result<()> {
    window.follow("documents").await?;
    window.until("document.querySelector('h1').innerText === 'documents'").await?;
    window.follow("page.html").await?;
    window.until("document.querySelector('pre.text')").await?;
    let text = window.value("document.querySelector('pre.text').innerText").await?;
    assert!(text.as_str().is_some_and(|text| text.contains("<script>")), "{text}");
    assert_eq!(window.0.title().await?, "page.html · Heirloom");
    window.0.back().await?;
    window.until("document.querySelector('h1').innerText === 'documents'").await?;
    // With the keyboard only.
    window.press(char::from(Key::Home)).await?;
    window.until("document.activeElement.matches('a.item')").await?;
    let first = window.value("document.activeElement.querySelector('.name').innerText").await?;
    window.press(char::from(Key::Down)).await?;
    let second = window.value("document.activeElement.querySelector('.name').innerText").await?;
    assert_ne!(first, second);
    window.press(char::from(Key::Enter)).await?;
    window.until(&format!("document.querySelector('h1').innerText === {second}")).await?;
    window.picture("text").await
}

async fn searches(window: &Window) -> Result<()> {
    window.press('/').await?;
    window.until("document.activeElement.name === 'q'").await?;
    let field = window.0.active_element().await?;
    field.send_keys(&format!("n*.txt{}", char::from(Key::Enter))).await?;
    window.until("document.querySelector('h1').innerText === 'Search'").await?;
    assert_eq!(window.value("document.querySelectorAll('.hits li').length").await?, json!(2));
    window.follow("Search all snapshots").await?;
    window.until("document.querySelectorAll('.hits li').length === 4").await?;
    window.picture("search").await
}

async fn compares(window: &Window) -> Result<()> {
    window.0.find(Locator::Css("a.home")).await?.click().await?;
    window.until("document.querySelector('h1').innerText === 'Snapshots'").await?;
    window.follow("Compare").await?;
    window.until("document.querySelectorAll('.changes .added').length === 1").await?;
    assert_eq!(
        window.value("document.querySelectorAll('.changes .removed').length").await?,
        json!(1)
    );
    window.picture("compare").await?;
    window.until(QUIET).await
}

#[test]
fn a_name_is_never_run_and_a_file_is_never_a_page() -> Result<()> {
    let stage = Stage::new()?;
    let browser = Browser::start()?;
    let browse = stage.browse(&[])?;
    block_on(async {
        let window = Window::open(&browser, &["--window-size=1200,850"]).await?;
        window.enter(&browse).await?;
        let base = window.0.current_url().await?;
        let is_clean =
            "document.title !== 'hacked' && document.querySelector('img[src=x]') === null";
        for path in ["odd", "odd?view=grid"] {
            let (path, query) = path.split_once('?').unwrap_or((path, ""));
            let link = base.join(&format!("{}?{query}", stage.link("f", 1, path)))?;
            window.0.goto(link.as_str()).await?;
            window.until("document.querySelector('main') !== null").await?;
            window.until(is_clean).await?;
        }
        window.picture("odd").await?;
        window.follow("<img src=x").await?;
        window.until("document.querySelector('h1').innerText.includes('onerror')").await?;
        window.until(is_clean).await?;
        // Pointed at directly: saved, not shown.
        for name in ["documents/page.html", "documents/drawing.svg"] {
            let link = base.join(&stage.link("raw", 1, name))?;
            // A download is no page, and the driver says so or not.
            let _saved = window.0.goto(link.as_str()).await;
            window.until(is_clean).await?;
            assert_ne!(window.0.current_url().await?, link, "{name} became a page");
        }
        // Our own pages refuse what is not in our own file.
        let script = "const one = document.createElement('script'); one.textContent = \"document.title = 'hacked'\"; document.body.append(one)";
        window.0.execute(script, Vec::new()).await?;
        window.until(is_clean).await?;
        Ok(window.0.close().await?)
    })
}

#[test]
fn on_a_phone_and_in_the_dark_nothing_is_wider_than_the_window() -> Result<()> {
    let stage = Stage::new()?;
    let browser = Browser::start()?;
    let browse = stage.browse(&[])?;
    block_on(async {
        let flags = [
            "--window-size=500,900",
            "--force-dark-mode",
            "--blink-settings=preferredColorScheme=0",
        ];
        let window = Window::open(&browser, &flags).await?;
        window.enter(&browse).await?;
        let dark = "matchMedia('(prefers-color-scheme: dark)').matches";
        assert_eq!(window.value(dark).await?, json!(true));
        let base = window.0.current_url().await?;
        for (name, link) in [
            ("timeline", String::new()),
            ("folder", stage.link("f", 1, "documents")),
            ("odd", stage.link("f", 1, "odd")),
            ("odd-grid", format!("{}?view=grid", stage.link("f", 1, "odd"))),
            ("grid", stage.link("f", 1, "pictures")),
            ("picture", stage.link("f", 1, "pictures/photo 1.jpg")),
            ("text", stage.link("f", 0, "documents/notes.txt")),
            ("long", stage.link("f", 1, format!("odd/{}", "l".repeat(255)))),
            ("compare", stage.link("compare", 1, "")),
            ("versions", stage.link("versions", 1, "documents/notes.txt")),
            ("search", "search?q=l".to_owned()),
            ("absent", stage.link("f", 1, "nothing")),
        ] {
            window.0.goto(base.join(&link)?.as_str()).await?;
            window
                .until(
                    "document.readyState === 'complete' && document.querySelector('main') !== null",
                )
                .await?;
            window.fits(name).await?;
            window.picture(&format!("phone-{name}")).await?;
        }
        Ok(window.0.close().await?)
    })
}
