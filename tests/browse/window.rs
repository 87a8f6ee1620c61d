//! A window of Chromium that looks at the page.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use fantoccini::{Client, ClientBuilder, Locator};
use heirloom_kit::servers::Browser;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::stage::Browse;

/// A machine that is busy with other suites takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open window.
pub(crate) struct Window(pub(crate) Client);

impl Window {
    pub(crate) async fn open(browser: &Browser, flags: &[&str]) -> Result<Self> {
        let (program, profile) = browser.program();
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--autoplay-policy=no-user-gesture-required".to_owned(),
            format!("--user-data-dir={}", profile.display()),
        ];
        arguments.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let options = json!({ "binary": program, "args": arguments });
        let Value::Object(options) = json!({ "goog:chromeOptions": options }) else {
            unreachable!("it is an object")
        };
        let address = format!("http://{}", browser.address());
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(options).connect(&address).await;
        Ok(Self(client.context("a window of chromium")?))
    }

    /// Goes in by the address that was printed.
    pub(crate) async fn enter(&self, browse: &Browse) -> Result<()> {
        self.0.goto(&browse.url).await?;
        self.until("document.querySelector('main') !== null").await
    }

    /// Waits until an expression is true.
    pub(crate) async fn until(&self, expression: &str) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let script = format!("return Boolean({expression})");
            // A page that is just being left answers nothing.
            if self.0.execute(&script, Vec::new()).await.is_ok_and(|value| value == json!(true)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (url, title) = (self.0.current_url().await?, self.0.title().await?);
        anyhow::bail!("not within {PATIENCE:?}: {expression}; at {url}, {title}")
    }

    pub(crate) async fn value(&self, expression: &str) -> Result<Value> {
        Ok(self.0.execute(&format!("return {expression}"), Vec::new()).await?)
    }

    /// Presses a key wherever the focus is.
    pub(crate) async fn press(&self, key: char) -> Result<()> {
        let focus = self.0.active_element().await?;
        Ok(focus.send_keys(&key.to_string()).await?)
    }

    pub(crate) async fn heading(&self) -> Result<String> {
        Ok(self.0.find(Locator::Css("h1")).await?.text().await?)
    }

    /// Follows the link with this text.
    pub(crate) async fn follow(&self, text: &str) -> Result<()> {
        let xpath = format!("//a[contains(normalize-space(.), \"{text}\")]");
        let link = self.0.find(Locator::XPath(&xpath)).await;
        Ok(link.with_context(|| format!("no link {text}"))?.click().await?)
    }

    /// A picture of the window, beside what was built.
    pub(crate) async fn picture(&self, name: &str) -> Result<()> {
        let here = std::env::current_exe()?;
        let folder = here.ancestors().nth(3).context("a target folder")?.join("browse");
        std::fs::create_dir_all(&folder)?;
        let picture = self.0.screenshot().await?;
        ensure!(picture.len() > 2000, "an empty picture");
        Ok(std::fs::write(folder.join(Path::new(name).with_extension("png")), picture)?)
    }

    /// Fails if anything is wider than the window.
    pub(crate) async fn fits(&self, what: &str) -> Result<()> {
        let width = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        let beyond = self.value(width).await?;
        ensure!(
            beyond.as_i64().is_some_and(|beyond| beyond <= 0),
            "{what} is wider than the window by {beyond}"
        );
        Ok(())
    }
}
