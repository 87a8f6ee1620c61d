//! Looks for pieces of known plain text anywhere in many bytes.

use std::collections::HashMap;

/// Sets of byte strings of one length, each with a name.
#[derive(Debug)]
pub(crate) struct Needles<const N: usize> {
    names: Vec<String>,
    windows: HashMap<[u8; N], usize>,
}

/// Where a piece was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// Of which plain text.
    pub(crate) text: String,
    /// At which place of the bytes that were searched.
    pub(crate) position: usize,
}

impl<const N: usize> Needles<N> {
    pub(crate) fn new() -> Self {
        Self { names: Vec::new(), windows: HashMap::new() }
    }

    /// Adds every window of a text. Windows of one repeated byte say nothing and are left out.
    pub(crate) fn add(&mut self, name: &str, text: &[u8]) {
        for window in text.windows(N).filter(|window| window.iter().any(|byte| *byte != window[0]))
        {
            let window = window.try_into().expect("windows have this length");
            self.windows.entry(window).or_insert(self.names.len());
        }
        self.names.push(name.to_owned());
    }

    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    /// The first window that occurs.
    pub(crate) fn find(&self, bytes: &[u8]) -> Option<Hit> {
        bytes.windows(N).enumerate().find_map(|(position, window)| {
            let text = self.names[*self.windows.get(window)?].clone();
            Some(Hit { text, position })
        })
    }
}

#[test]
fn a_piece_in_the_middle_is_found() {
    let mut needles = Needles::<8>::new();
    needles.add("song", b"twinkle twinkle little star");
    let found = needles.find(b"........e little............");
    assert_eq!(found, Some(Hit { text: "song".into(), position: 8 }));
    assert_eq!(needles.find(b"how I wonder what you are"), None);
}
