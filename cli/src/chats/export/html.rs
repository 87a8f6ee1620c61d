//! A conversation as pages that any browser opens, without a server, a script or a network.

use std::collections::{HashMap, VecDeque};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use heirloom_chats::model::{
    Conversation, ConversationKind, Direction, Message, MessageKind, Participant, Quote,
};
use jiff::civil::Date;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Origin, Saved, Sink};
use crate::chats::words;

/// More on one page make browsers slow.
const PAGE_MESSAGES: usize = 2000;
/// Exports of some apps name an answered message only; so many are remembered, to show what it said ...
const REMEMBERED: usize = 20_000;
/// ... up to so many characters.
const EXCERPT_CHARS: usize = 200;
const STYLE: &str = include_str!("style.css");
/// Nothing may be loaded but what lies beside the page, and nothing runs.
const POLICY: &str =
    "default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'unsafe-inline'";

/// Pages of messages, and one that leads to them.
pub(super) struct Pages {
    target: PathBuf,
    name: String,
    about: String,
    is_group: bool,
    /// Messages of the page that is being filled.
    open: Vec<Markup>,
    days: (Option<Date>, Option<Date>),
    day: Option<Date>,
    said: Said,
    /// First and last day of each page, and how many messages.
    written: Vec<(Option<Date>, Option<Date>, usize)>,
}

impl Pages {
    pub(super) fn new(target: &Path, conversation: &Conversation) -> Self {
        let name = if conversation.name.is_empty() { &conversation.id } else { &conversation.name };
        Self {
            target: target.to_owned(),
            name: name.clone(),
            about: words::about(conversation),
            is_group: conversation.kind != ConversationKind::Person,
            open: Vec::new(),
            days: (None, None),
            day: None,
            said: Said::default(),
            written: Vec::new(),
        }
    }

    fn close_page(&mut self, has_later: bool) -> io::Result<()> {
        if self.open.is_empty() {
            return Ok(());
        }
        let number = self.written.len() + 1;
        let earlier = (number > 1).then(|| page_name(number - 1));
        let links = html! {
            nav {
                a href="index.html" { "All pages" }
                @if let Some(earlier) = &earlier { " · " a href=(earlier) { "Earlier" } }
                @if has_later { " · " a href=(page_name(number + 1)) { "Later" } }
            }
        };
        let messages = std::mem::take(&mut self.open);
        self.written.push((self.days.0, self.days.1, messages.len()));
        self.days = (None, None);
        self.day = None;
        let body = html! {
            header { h1 { (self.name) } (links) }
            main { @for message in &messages { (message) } }
            footer { (links) }
        };
        self.page(&page_name(number), &body)
    }

    fn page(&self, file: &str, body: &Markup) -> io::Result<()> {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="referrer" content="no-referrer";
                    title { (self.name) }
                    style { (PreEscaped(STYLE)) }
                }
                body { (body) }
            }
        };
        let mut out = fs::File::create_new(self.target.join(file))?;
        out.write_all(page.into_string().as_bytes())?;
        out.sync_all()
    }

    fn index(&self) -> io::Result<()> {
        let messages: usize = self.written.iter().map(|(_, _, messages)| messages).sum();
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let body = html! {
            header { h1 { (self.name) } p { (self.about) } p { (messages) " messages" } }
            main {
                ul.pages {
                    @for (n, (first, last, messages)) in self.written.iter().enumerate() {
                        li {
                            a href=(page_name(n + 1)) { (day(*first)) " to " (day(*last)) }
                            " (" (messages) ")"
                        }
                    }
                }
            }
        };
        self.page("index.html", &body)
    }
}

/// What was said last, by whom: for answers that do not say what they answer.
#[derive(Default)]
struct Said {
    messages: HashMap<String, (Option<Participant>, Option<String>)>,
    order: VecDeque<String>,
}

impl Said {
    fn remember(&mut self, message: &Message) {
        let Some(id) = &message.id else { return };
        let excerpt = |text: &String| text.chars().take(EXCERPT_CHARS).collect();
        let text = message.text.as_ref().map(excerpt).or_else(|| words::not_words(message, true));
        self.messages.insert(id.clone(), (message.sender.clone(), text));
        self.order.push_back(id.clone());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.messages.remove(&oldest);
        }
    }

    /// What a message answers, with what was said.
    fn quoted(&self, message: &Message) -> Option<Quote> {
        let mut quote = message.quote.clone()?;
        let said = quote.id.as_ref().and_then(|id| self.messages.get(id));
        if let (None, Some((sender, text))) = (&quote.text, said) {
            quote.text.clone_from(text);
            quote.sender = quote.sender.or_else(|| sender.clone());
        }
        Some(quote)
    }
}

fn page_name(number: usize) -> String {
    format!("page-{number:05}.html")
}

impl Sink for Pages {
    fn origin(&mut self, origin: &Origin) -> io::Result<()> {
        self.open.push(html! { article.system { p.text { (origin.words) } } });
        Ok(())
    }

    fn message(&mut self, message: &Message, media: &[Saved]) -> io::Result<()> {
        if self.open.len() >= PAGE_MESSAGES {
            self.close_page(true)?;
        }
        let day = message.time.map(|time| words::day_and_minute(time).0);
        let is_new_day = day.is_some() && day != self.day;
        self.day = day.or(self.day);
        self.days = (self.days.0.or(day), day.or(self.days.1));
        let heading = day.filter(|_| is_new_day);
        self.open.push(html! {
            @if let Some(day) = heading { h2.day { (day) } }
            (bubble(message, media, self.is_group, self.said.quoted(message).as_ref()))
        });
        self.said.remember(message);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.close_page(false)?;
        self.index()
    }
}

fn bubble(message: &Message, media: &[Saved], is_group: bool, quote: Option<&Quote>) -> Markup {
    let side = match message.direction {
        _ if message.kind == MessageKind::System => "system",
        Direction::Sent => "sent",
        Direction::Received | Direction::Unknown => "received",
    };
    let sender = message
        .sender
        .as_ref()
        .filter(|_| side != "sent" && (is_group || message.direction == Direction::Unknown));
    let time = message.time.map(|time| words::day_and_minute(time).1);
    html! {
        article class=(side) {
            @if let Some(sender) = sender { p.sender { (name(sender)) } }
            @if let Some(quote) = quote {
                blockquote {
                    @if let Some(sender) = &quote.sender { p.sender { (name(sender)) } }
                    (quote.text.as_deref().unwrap_or("An earlier message"))
                }
            }
            @for (n, saved) in media.iter().enumerate() { (picture(message, n, saved)) }
            @if let Some(what) = words::not_words(message, media.is_empty()) { p.kind { (what) } }
            @if let Some(text) = &message.text { p.text { (text) } }
            @if !message.poll.is_empty() {
                ul.poll { @for option in &message.poll { li { (option.text) " (" (option.votes) ")" } } }
            }
            @if let Some(edit) = &message.edit {
                @for earlier in &edit.earlier { p.earlier { "Before: " (earlier) } }
            }
            p.foot {
                @for mark in words::marks(message) { span.mark { (mark) } " " }
                @if let Some(time) = time { time { (time) } }
            }
            @if !message.reactions.is_empty() {
                p.reactions {
                    @for reaction in &message.reactions {
                        span title=(reaction.sender.as_ref().map(name).unwrap_or_default()) {
                            (reaction.text) @if reaction.count > 1 { " " (reaction.count) }
                        }
                    }
                }
            }
        }
    }
}

fn name(person: &Participant) -> String {
    person.name.clone().unwrap_or_else(|| person.id.clone())
}

fn picture(message: &Message, number: usize, saved: &Saved) -> Markup {
    let (path, name) = match saved {
        Saved::File { path, name } => (path, name),
        Saved::Missing | Saved::LeftOut => {
            let media = message.media.get(number);
            let what = media.map(words::media_words).unwrap_or_default();
            let why = if *saved == Saved::Missing { "not in the snapshot" } else { "left out" };
            return html! { p.kind { (what) " (" (why) ")" } };
        }
    };
    // Blanks and the like are allowed in names of files, not in addresses.
    let address = percent_encoding::utf8_percent_encode(path, words::ADDRESS).to_string();
    match message.kind {
        MessageKind::Image | MessageKind::Sticker | MessageKind::Album => {
            html! { a href=(address) { img src=(address) alt=(name) loading="lazy"; } }
        }
        MessageKind::Video | MessageKind::Gif | MessageKind::VideoNote => {
            html! { video src=(address) controls preload="metadata" {} }
        }
        MessageKind::Audio | MessageKind::VoiceNote => {
            html! { audio src=(address) controls preload="none" {} }
        }
        MessageKind::Text
        | MessageKind::Document
        | MessageKind::Contact
        | MessageKind::Location
        | MessageKind::LiveLocation
        | MessageKind::Link
        | MessageKind::Poll
        | MessageKind::Event
        | MessageKind::Call
        | MessageKind::Invitation
        | MessageKind::Product
        | MessageKind::System
        | MessageKind::Deleted
        | MessageKind::Other => html! { a.file href=(address) download=(name) { (name) } },
    }
}

#[cfg(test)]
mod tests {
    use heirloom_chats::model::App;

    use super::*;

    fn conversation() -> Conversation {
        Conversation {
            id: "x".to_owned(),
            app: App::WhatsApp,
            name: "<script>alert(1)</script>".to_owned(),
            kind: ConversationKind::Group,
            participants: Vec::new(),
            messages: 0,
            media: 0,
            first: None,
            last: None,
            is_archived: false,
        }
    }

    #[test]
    fn nothing_that_others_wrote_is_html() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pages = Pages::new(folder.path(), &conversation());
        let mut message = Message::new(0, MessageKind::Document);
        message.text = Some("</p><img src=x onerror=alert(1)>".to_owned());
        message.media.push(heirloom_chats::model::Media::default());
        let (path, name) = ("media/a b\"><script>.pdf".to_owned(), "\"><script>".to_owned());
        pages.message(&message, &[Saved::File { path, name }]).expect("written");
        pages.finish().expect("written");
        for page in ["index.html", "page-00001.html"] {
            let text = fs::read_to_string(folder.path().join(page)).expect("there");
            assert!(!text.contains("<script") && !text.contains("<img"), "{text}");
            assert!(text.contains("default-src 'none'"));
        }
        let text = fs::read_to_string(folder.path().join("page-00001.html")).expect("there");
        assert!(text.contains("href=\"media/a%20b%22%3E%3Cscript%3E.pdf\""), "{text}");
    }

    #[test]
    fn long_conversations_are_several_pages_that_lead_to_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pages = Pages::new(folder.path(), &conversation());
        for n in 0..PAGE_MESSAGES * 2 {
            let message = Message::new(u64::try_from(n).expect("small"), MessageKind::Text);
            pages.message(&message, &[]).expect("written");
        }
        pages.finish().expect("written");
        let page = |number| fs::read_to_string(folder.path().join(page_name(number)));
        let has_link =
            |text: &str, number| text.contains(&format!("href=\"{}\"", page_name(number)));
        let (first, second) = (page(1).expect("there"), page(2).expect("there"));
        assert!(has_link(&first, 2) && has_link(&second, 1));
        assert!(!has_link(&second, 3) && page(3).is_err());
    }
}
