//! Conversations that were exported as pages, opened from the disk as whoever was given the folder would.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use heirloom_kit::servers::Browser;
use serde_json::{Value, json};

use crate::samples;
use crate::stage::Stage;
use crate::window::Window;

const MESSAGES: usize = 100_000;
const ATTACK: &str =
    "</p><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">";

/// What each tenth message is.
fn message(number: usize) -> Value {
    let (from, from_id) =
        if number.is_multiple_of(2) { ("Anna", "user7") } else { (ATTACK, "user8") };
    let mut message = json!({
        "id": number, "type": "message", "from": from, "from_id": from_id,
        "date_unixtime": (1_600_000_000 + 60 * number).to_string(),
        "text": format!("message {number}"),
    });
    let more = match number % 10 {
        1 => json!({ "text": ATTACK }),
        2 => json!({ "text": "", "photo": format!("photos/{}.jpg", number % 3) }),
        3 => json!({ "reply_to_message_id": number - 1 }),
        4 => json!({ "reply_to_message_id": number - 3 }),
        5 => json!({ "reactions": [{ "type": "emoji", "count": 2, "emoji": "\u{2764}" }] }),
        6 => json!({ "text": "", "media_type": "voice_message", "file": "voice.wav" }),
        7 => json!({ "text": "", "file": "page.html", "file_name": "<b>page.html" }),
        8 => json!({ "text": "", "media_type": "video_file", "file": "video.mp4" }),
        _ => json!({}),
    };
    if let (Some(message), Value::Object(more)) = (message.as_object_mut(), more) {
        message.extend(more);
    }
    message
}

fn stage() -> Result<Stage> {
    let mut stage = Stage::empty()?;
    fs::create_dir_all(stage.source.join("photos"))?;
    for number in 0..3 {
        samples::picture(&stage.source.join(format!("photos/{number}.jpg")), (320, 240), number)?;
    }
    fs::write(stage.source.join("voice.wav"), samples::sound())?;
    fs::write(stage.source.join("video.mp4"), samples::video())?;
    fs::write(stage.source.join("page.html"), "<script>document.title='hacked'</script>")?;
    let messages: Vec<Value> = (1..=MESSAGES).map(message).collect();
    let chat = json!({ "name": "Family", "type": "private_group", "id": 1, "messages": messages });
    let account = json!({ "personal_information": { "user_id": 7 }, "chats": { "list": [chat] } });
    fs::write(stage.source.join("result.json"), serde_json::to_vec(&account)?)?;
    stage.snapshot(&[])?;
    Ok(stage)
}

#[tokio::test]
async fn a_long_conversation_is_shown_with_pictures_quotes_reactions_and_sound_and_runs_nothing()
-> Result<()> {
    let stage = stage()?;
    let target = stage.path("exported");
    let folder = target.to_str().context("a path")?;
    let told = stage.run(&["chats", "export", "Family", "--target", folder, "--json"])?;
    let summary: Value = serde_json::from_str(told.lines().last().context("a summary")?)?;
    assert_eq!(summary["messages"], json!(MESSAGES));
    let browser = Browser::start()?;
    let window = Window::open(&browser, &[]).await?;
    window.0.goto(&format!("file://{folder}/index.html")).await?;
    assert_eq!(window.heading().await?, "Family");
    let pages = window.value("document.querySelectorAll('ul.pages a').length").await?;
    assert_eq!(pages, json!(50));
    let shown = window
        .value("[...document.querySelectorAll('ul.pages li')].reduce((sum, li) => sum + Number(li.textContent.match(/\\((\\d+)\\)/)[1]), 0)")
        .await?;
    assert_eq!(shown, json!(MESSAGES));
    window.0.execute("document.querySelector('ul.pages a').click()", Vec::new()).await?;
    window.until("document.querySelectorAll('article').length === 2000").await?;
    looks_like_a_conversation(&window).await?;
    plays(&window).await?;
    nothing_ran(&window).await?;
    window.0.goto(&format!("file://{folder}/page-00050.html")).await?;
    window.until("document.body.textContent.includes('message 100000')").await?;
    nothing_ran(&window).await?;
    Ok(window.0.close().await?)
}

async fn looks_like_a_conversation(window: &Window) -> Result<()> {
    window.value("document.querySelector('article img').scrollIntoView()").await?;
    window
        .until("(img => img.complete && img.naturalWidth === 320)(document.querySelector('article img'))")
        .await?;
    let said = "[...document.querySelectorAll('article')].find(one => one.textContent.includes('message 4'))";
    let quoted = window.value(&format!("{said}.querySelector('blockquote').textContent")).await?;
    let quoted = quoted.as_str().context("a quote")?;
    ensure!(quoted.contains(ATTACK), "what was answered stands above the answer: {quoted}");
    let reactions = window.value("document.querySelector('.reactions').textContent").await?;
    assert_eq!(reactions, json!("\u{2764} 2"));
    let side = |name: &str| {
        format!("document.querySelector('article.{name}').getBoundingClientRect().left")
    };
    let (sent, received) =
        (window.value(&side("sent")).await?, window.value(&side("received")).await?);
    ensure!(
        sent.as_f64() > received.as_f64(),
        "own messages stand on the right: {sent} {received}"
    );
    Ok(())
}

async fn plays(window: &Window) -> Result<()> {
    for what in ["audio", "video"] {
        window
            .0
            .execute(
                &format!(
                    "const one = document.querySelector('{what}'); one.muted = true; one.play()"
                ),
                Vec::new(),
            )
            .await?;
        window
            .until(&format!("(one => one.error === null && one.currentTime > 0.2)(document.querySelector('{what}'))"))
            .await
            .with_context(|| format!("{what} plays"))?;
    }
    Ok(())
}

async fn nothing_ran(window: &Window) -> Result<()> {
    assert_eq!(window.0.title().await?, "Family");
    assert_eq!(window.value("document.scripts.length").await?, json!(0));
    assert_eq!(window.value("document.querySelectorAll('[onerror]').length").await?, json!(0));
    Ok(())
}
