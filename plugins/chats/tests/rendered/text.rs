//! Exports as text, in the forms of many telephones.

use std::fmt::Write as _;

use heirloom_chats::model::{ConversationKind, Message, MessageKind, Remark, Time};
use heirloom_chats::reader::Range;
use jiff::civil::DateTime;
use proptest::prelude::*;

use crate::memory::{Memory, messages, only, open};

/// How one telephone writes times.
#[derive(Debug, Clone, Copy)]
struct Locale {
    name: &'static str,
    /// With strftime's letters.
    form: &'static str,
    halves: [&'static str; 2],
    zero: char,
}

const fn locale(name: &'static str, form: &'static str) -> Locale {
    Locale { name, form, halves: ["AM", "PM"], zero: '0' }
}

const LOCALES: &[Locale] = &[
    locale("Android, British", "%d/%m/%Y, %H:%M - "),
    locale("Android, American", "%-m/%-d/%y, %-I:%M\u{202f}%p - "),
    locale("Android, American before 2023", "%-m/%-d/%y, %-I:%M %p - "),
    Locale {
        halves: ["a.\u{a0}m.", "p.\u{a0}m."],
        ..locale("Android, Mexican", "%d/%m/%Y, %-I:%M\u{a0}%p - ")
    },
    Locale { halves: ["a. m.", "p. m."], ..locale("Android, Spanish", "%-d/%-m/%y %-I:%M %p - ") },
    locale("Android, German", "%d.%m.%y, %H:%M - "),
    locale("Android, French", "%d/%m/%Y à %H:%M - "),
    locale("Android, Finnish", "%-d.%-m.%Y klo %H.%M - "),
    locale("Android, Indonesian", "%d/%m/%y %H.%M - "),
    locale("Android, Swedish", "%Y-%m-%d %H:%M - "),
    locale("Android, Croatian", "%-d. %-m. %Y. %H:%M - "),
    Locale {
        halves: ["오전", "오후"], ..locale("Android, Korean", "%Y. %-m. %-d. %p %-I:%M - ")
    },
    Locale { halves: ["上午", "下午"], ..locale("Android, Chinese", "%Y/%-m/%-d %p%-I:%M - ") },
    Locale { zero: '०', ..locale("Android, Nepali", "%d/%m/%Y, %H:%M - ") },
    locale("iOS, American", "[%-m/%-d/%y, %-I:%M:%S\u{202f}%p] "),
    locale("iOS, British", "[%d/%m/%Y, %H:%M:%S] "),
    locale("iOS, German", "[%d.%m.%y, %H:%M:%S] "),
    locale("iOS, dots and halves", "[%d.%m.%y, %-I:%M:%S %p] "),
    locale("iOS, French", "[%d/%m/%Y %H:%M:%S] "),
    locale("iOS, Vietnamese", "[%H:%M:%S, %-d/%-m/%y] "),
    Locale {
        zero: '٠',
        halves: ["ص", "م"],
        ..locale("iOS, Arabic", "[\u{200f}%-d\u{200f}/%-m\u{200f}/%Y، %-I:%M:%S %p] ")
    },
    locale("iOS, Indonesian", "[%-d/%-m/%y %H.%M.%S] "),
    locale("iOS, Dutch", "[%d-%m-%Y %H:%M:%S] "),
    locale("iOS before 2017", "%d/%m/%Y, %H:%M:%S: "),
];

impl Locale {
    fn header(&self, time: DateTime) -> String {
        let half = self.halves[usize::from(time.hour() >= 12)];
        let form = self.form.replace("%p", "\u{1}");
        let text = time.strftime(&form).to_string().replace('\u{1}', half);
        text.chars()
            .map(|c| {
                c.to_digit(10)
                    .map_or(c, |digit| char::from_u32(u32::from(self.zero) + digit).unwrap())
            })
            .collect()
    }

    fn has_seconds(&self) -> bool {
        self.form.contains("%S")
    }
}

#[derive(Debug, Clone)]
struct Said {
    seconds_later: i64,
    sender: usize,
    text: String,
}

const NAMES: &[&str] =
    &["Anna", "Björn K.", "+49 170 1234567", "🤓", "O'Neil, Jr", "王小明", "Мария"];

fn said() -> impl Strategy<Value = Said> {
    let line = prop_oneof![
        "[a-zA-Zäöüß😀][a-zA-Zäöüß0-9 ,.!?:/()😀-]{0,40}",
        Just("12/12 we meet".to_owned()),
        Just("10:30 - 11:30 lunch".to_owned()),
        Just("see https://example.com/?q=1,2".to_owned()),
        Just("[18/03, 14:56] Anna: copied".to_owned()),
    ];
    let text = proptest::collection::vec(line, 1..4).prop_map(|lines| lines.join("\n"));
    (0_i64..4_000_000, 0..NAMES.len(), text).prop_map(|(seconds_later, sender, text)| Said {
        seconds_later,
        sender,
        text,
    })
}

fn render(locale: &Locale, begin: DateTime, said: &[Said]) -> (String, Vec<i64>) {
    let mut time = begin;
    let (mut text, mut times) = (String::new(), Vec::new());
    for said in said {
        time = time.saturating_add(jiff::Span::new().seconds(said.seconds_later));
        writeln!(text, "{}{}: {}", locale.header(time), NAMES[said.sender], said.text).unwrap();
        let millis = time.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_millisecond();
        times.push(if locale.has_seconds() { millis } else { millis - millis.rem_euclid(60_000) });
    }
    (text, times)
}

fn read(text: &str) -> (Vec<Message>, Vec<Remark>) {
    let (_, messages, remarks) =
        only(&Memory::of(&[("WhatsApp Chat with Anna.txt", text.as_bytes())]));
    (messages, remarks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_conversation_comes_back_as_it_was_whichever_telephone_wrote_it(
        at in 0..LOCALES.len(),
        days in 0_i64..5000,
        said in proptest::collection::vec(said(), 1..40),
    ) {
        let locale = &LOCALES[at];
        let begin = jiff::civil::date(2011, 1, 1).at(0, 0, 7, 0).saturating_add(jiff::Span::new().days(days));
        let (text, times) = render(locale, begin, &said);
        let (messages, remarks) = read(&text);
        prop_assert_eq!(messages.len(), said.len(), "{}", locale.name);
        for (message, said) in messages.iter().zip(&said) {
            prop_assert_eq!(message.sender.as_ref().map(|sender| sender.id.as_str()), Some(NAMES[said.sender]), "{}", locale.name);
            prop_assert_eq!(message.text.as_deref(), Some(said.text.as_str()), "{}", locale.name);
        }
        if !remarks.contains(&Remark::AmbiguousDates) {
            let found: Vec<i64> = messages.iter().map(|message| message.time.unwrap().millis()).collect();
            prop_assert_eq!(found, times, "{}", locale.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_last_messages_are_those_that_a_full_reading_ends_with(count in 1..5000_usize, last in 0..1200_u64) {
        let text: Vec<String> = (0..count).map(|n| format!("18/03/2022, {:02}:{:02} - Anna: {n}", n / 60 % 24, n % 60)).collect();
        let text = text.join("\n");
        let (chats, _) = open(&Memory::of(&[("_chat.txt", text.as_bytes())]));
        let id = &chats[0].conversations().unwrap()[0].id;
        let all = messages(&*chats[0], id, Range::default());
        let tail = messages(&*chats[0], id, Range { last: Some(last), ..Range::default() });
        let kept = usize::try_from(last).unwrap().min(count);
        prop_assert_eq!(&tail[..], &all[count - kept..]);
    }
}

#[test]
fn every_locale_is_told_apart_with_a_year_of_messages() {
    for locale in LOCALES {
        let said: Vec<Said> = (0..366)
            .map(|n| Said { seconds_later: 86_399, sender: n % 3, text: format!("message {n}") })
            .collect();
        let (text, times) = render(locale, jiff::civil::date(2022, 3, 1).at(13, 5, 0, 0), &said);
        let (messages, remarks) = read(&text);
        assert_eq!(remarks, [], "{}", locale.name);
        let found: Vec<i64> =
            messages.iter().map(|message| message.time.unwrap().millis()).collect();
        assert_eq!(found, times, "{}", locale.name);
    }
}

#[test]
fn dates_with_two_readings_are_pointed_out() {
    assert_eq!(
        read("1/2/22, 10:00 - Anna: a\n1/3/22, 10:00 - Anna: b\n").1,
        [Remark::AmbiguousDates]
    );
    let (messages, remarks) = read("6/30/22, 10:00 - Anna: a\n30/6/22, 10:01 - Anna: b\n");
    assert_eq!(remarks, [Remark::MixedDates]);
    assert_eq!(messages[1].time.unwrap().millis() - messages[0].time.unwrap().millis(), 60_000);
}

fn numbered(messages: usize) -> String {
    let lines: Vec<String> =
        (0..messages).map(|n| format!("18/03/2022, 10:00 - Anna: {n}")).collect();
    lines.join("\n")
}

#[test]
fn an_export_with_as_many_messages_as_the_app_exports_is_probably_cut() {
    let text = numbered(40_000);
    assert_eq!(read(&text).1, [Remark::ProbablyCut { messages: 40_000 }]);
    let text = numbered(39_000);
    assert_eq!(read(&text).1, []);
}

#[test]
fn files_are_found_by_form_and_by_being_there_in_any_language() {
    let text = "18/03/2022, 10:00 - Anna: IMG-20220318-WA0001.jpg (unbekannte Sprache)\nschön\n\
        18/03/2022, 10:01 - Anna: Rechnung März.pdf (xyz)\n\
        18/03/2022, 10:02 - Anna: no file.pdf (xyz)\n\
        18/03/2022, 10:03 - Anna: <irgendetwas weggelassen>\n\
        18/03/2022, 10:04 - Anna: \u{200e}Anna.vcf (egal)\n";
    let files = Memory::of(&[
        ("x/WhatsApp Chat with Anna.txt", text.as_bytes()),
        ("x/Rechnung März.pdf", b"pdf"),
        ("x/IMG-20220318-WA0001.jpg", b"jpg"),
    ]);
    let (conversation, messages, _) = only(&files);
    let kinds: Vec<MessageKind> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::Image,
            MessageKind::Document,
            MessageKind::Text,
            MessageKind::Other,
            MessageKind::Contact
        ]
    );
    assert_eq!(messages[0].text.as_deref(), Some("schön"));
    assert_eq!(messages[3].media[0].missing.as_deref(), Some("<irgendetwas weggelassen>"));
    assert_eq!((conversation.media, conversation.kind), (4, ConversationKind::Person));
    let (chats, _) = open(&files);
    let open =
        |n: usize| chats[0].open_media(&messages[n].media[0]).unwrap().map(|file| file.size());
    assert_eq!((open(0), open(1), open(4)), (Some(3), Some(3), None));
}

#[test]
fn what_an_iphone_says_in_the_place_of_files_is_known_by_marks() {
    let text = "[18/03/22, 10:00:00] Group: \u{200e}Nachrichten sind verschlüsselt.\r\n\
        \u{200e}[18/03/22, 10:00:01] Anna: \u{200e}Bild weggelassen\r\n\
        \u{200e}[18/03/22, 10:00:02] Bert: Plan.pdf • \u{200e}2 Seiten \u{200e}xyz\r\n\
        \u{200e}[18/03/22, 10:00:03] ~\u{202f}Carl: look \u{200e}<Anhang: 00000003-PHOTO-2022-03-18-10-00-03.jpg>\r\n\
        [18/03/22, 10:00:04] Anna: better \u{200e}<irgendwie bearbeitet>\r\n\
        [18/03/22, 10:00:05] Bert: \u{200e}POLL:\nWhen?\n\u{200e}OPTION: Now (\u{200e}2 votes)\n\u{200e}OPTION: Later (\u{200e}0 votes)\r\n\
        \u{200e}[18/03/22, 10:00:06] Anna: \u{200e}Missed voice call. \u{200e}Tap to call back\r\n\
        \u{200e}[18/03/22, 10:00:07] Anna: \u{200e}Voice call, \u{200e}5 min\r\n\
        [18/03/22, 10:00:08] Group: \u{200e}Anna changed the subject to “a: b”\r\n";
    let (messages, remarks) = read(text);
    assert_eq!(remarks, []);
    let kinds: Vec<MessageKind> = messages.iter().map(|message| message.kind).collect();
    assert_eq!(
        kinds,
        [
            MessageKind::System,
            MessageKind::Image,
            MessageKind::Other,
            MessageKind::Image,
            MessageKind::Text,
            MessageKind::Poll,
            MessageKind::Call,
            MessageKind::Call,
            MessageKind::System
        ]
    );
    assert!(messages[0].sender.is_none());
    assert_eq!(messages[3].sender.as_ref().unwrap().id, "Carl");
    assert_eq!(messages[3].text.as_deref(), Some("look"));
    assert!(messages[4].edit.is_some());
    assert_eq!(messages[4].text.as_deref(), Some("better"));
    assert_eq!((messages[5].text.as_deref(), messages[5].poll[0].votes), (Some("When?"), 2));
    assert_eq!(messages[7].call.as_ref().unwrap().seconds, Some(300));
}

#[test]
fn text_that_is_no_utf8_is_read_and_pointed_out() {
    let files = Memory::of(&[(
        "_chat.txt",
        b"18/03/2022, 10:00 - Anna: caf\xe9\n18/03/2022, 10:01 - Anna: b\n",
    )]);
    let (_, messages, remarks) = only(&files);
    assert_eq!(remarks, [Remark::InvalidText { messages: 1 }]);
    assert_eq!(messages[0].text.as_deref(), Some("caf\u{fffd}"));
    assert_eq!(messages[0].time, Some(Time::Local(1_647_597_600_000)));
}
