//! The time of the day, and the words that stand around it.

/// `klo`, `kl.`, `um`, `г.`, `ч.` and the like.
const FILLER_MAX: usize = 4;

/// No header is longer, and hostile lines are.
const LETTERS_MAX: usize = 16;

/// Letters around a time, small and without dots and blanks.
#[derive(Default)]
pub(super) struct Words {
    pub(super) text: String,
}

impl Words {
    pub(super) fn push(&mut self, character: char) -> Option<()> {
        if self.text.chars().count() >= LETTERS_MAX {
            return None;
        }
        self.text.extend(character.to_lowercase());
        Some(())
    }

    /// Without `BE` and the like, which say how years are counted.
    fn without_era(&self) -> &str {
        let eras = ["be", "ad", "ce", "พศ", "r", "h", "minguo", "roc", "г"];
        let after = eras.iter().find_map(|era| self.text.strip_prefix(era));
        after
            .filter(|after| {
                after.is_empty() || BEFORE_NOON.contains(after) || AFTER_NOON.contains(after)
            })
            .unwrap_or(&self.text)
    }
}

/// Before noon in many languages, small and without dots and blanks.
const BEFORE_NOON: &[&str] = &[
    "am",
    "ص",
    "قظ",
    "上午",
    "午前",
    "오전",
    "凌晨",
    "清晨",
    "早上",
    "öö",
    "sa",
    "πμ",
    "de",
    "fm",
    "dop",
    "vm",
    "ap",
    "fh",
    "पूर्वाह्न",
    "पूर्वाह",
    "ก่อนเที่ยง",
    "pd",
    "пд",
    "дп",
    "преподне",
    "paradite",
    "priekšp",
    "priešpiet",
];

/// After noon.
const AFTER_NOON: &[&str] = &[
    "pm",
    "م",
    "بظ",
    "下午",
    "午後",
    "오후",
    "中午",
    "傍晚",
    "晚上",
    "ös",
    "ch",
    "μμ",
    "du",
    "em",
    "odp",
    "nm",
    "ip",
    "eh",
    "अपराह्न",
    "अपराह",
    "หลังเที่ยง",
    "md",
    "пп",
    "сл",
    "мд",
    "popoldne",
    "pēcp",
    "popiet",
];

/// Ms of the day, and whether hours are counted up to 12.
pub(super) fn time_of_day([hour, minute, second]: [u32; 3], words: &Words) -> Option<(i64, bool)> {
    let text = words.without_era();
    if text.is_empty() {
        return (hour < 24 && minute < 60 && second < 61)
            .then(|| (millis(hour, minute, second), false));
    }
    let said = |halves: &[&str]| {
        halves.contains(&text) || halves.iter().any(|half| !half.is_ascii() && text.contains(half))
    };
    let hour = match (said(BEFORE_NOON), said(AFTER_NOON)) {
        (true, false) => (if hour == 12 { 0 } else { hour }, true),
        // Noon is called by its own word an hour before it, too.
        (false, true) => {
            (if hour < 12 && !(hour == 11 && text == "中午") { hour + 12 } else { hour }, true)
        }
        (true, true) | (false, false) => (hour, false),
    };
    // Short words stand between date and time in some languages; longer ones are what somebody wrote.
    if !hour.1 && text.chars().count() > FILLER_MAX {
        return None;
    }
    let is_time = hour.0 < 24 && minute < 60 && second < 61;
    is_time.then(|| (millis(hour.0, minute, second), hour.1))
}

fn millis(hour: u32, minute: u32, second: u32) -> i64 {
    i64::from((hour * 60 + minute) * 60 + second) * 1000
}
