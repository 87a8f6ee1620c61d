//! What a proxy does wrong, to which requests, and how often.

use std::fmt;
use std::time::Duration;

use super::Exchange;

/// One way in which a server or a line misbehaves.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Everything happens later.
    Delay(Duration),
    /// The proxy answers by itself; the server learns nothing.
    Answer {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(&'static str, String)>,
        /// The body.
        body: String,
    },
    /// The connection breaks after so many bytes of the request's body.
    CutRequest {
        /// Bytes that get through.
        after: usize,
    },
    /// The server gets and does it all, but its answer is lost with the connection.
    LoseAnswer,
    /// The connection breaks after so many bytes of the answer's body, of which all were announced.
    CutAnswer {
        /// Bytes that get through.
        after: usize,
    },
    /// No answer ever comes.
    Stall,
    /// The answer begins and never ends.
    StallAnswer {
        /// Bytes that get through.
        after: usize,
    },
    /// The answer is shorter than the object, and says so: nothing looks wrong.
    ShortAnswer {
        /// Bytes that are left.
        keep: usize,
    },
    /// The answer announces another length than it has.
    WrongLength {
        /// What is announced.
        announce: usize,
    },
    /// One bit of the answer's body is another.
    FlipAnswer {
        /// Which byte, counted from the end if it is negative.
        position: isize,
    },
    /// The answer's body has its right length, but all that follows is zeros, as after a crash of the server.
    ZeroAnswer {
        /// Bytes that are right.
        keep: usize,
    },
    /// The server gets only a beginning of the body, stores that, and says that all is well.
    TearUpload {
        /// Bytes that arrive.
        keep: usize,
    },
}

impl Fault {
    /// An answer of the proxy's own, without headers.
    pub fn status(status: u16) -> Self {
        Self::Answer { status, headers: Vec::new(), body: String::new() }
    }

    /// "Too many requests", with the seconds to wait.
    pub fn slow_down(seconds: u32) -> Self {
        let headers = vec![("retry-after", seconds.to_string())];
        Self::Answer { status: 429, headers, body: String::new() }
    }

    /// Sends the client elsewhere, to the same path.
    pub fn redirect(status: u16, location: String) -> Self {
        Self::Answer { status, headers: vec![("location", location)], body: String::new() }
    }
}

/// How often a fault strikes, counting the requests that it could strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each of them.
    Always,
    /// The first ones.
    First(u64),
    /// All but the first ones.
    After(u64),
    /// The first `bad` of every `of`.
    Share {
        /// How many.
        bad: u64,
        /// Of how many.
        of: u64,
    },
}

impl Times {
    fn strike(self, number: u64) -> bool {
        match self {
            Self::Always => true,
            Self::First(count) => number < count,
            Self::After(count) => number >= count,
            Self::Share { bad, of } => number % of < bad,
        }
    }
}

/// A fault and when it comes.
pub(super) struct Rule {
    pub(super) fault: Fault,
    pub(super) times: Times,
    pub(super) concerns: Box<dyn Fn(&Exchange) -> bool + Send>,
    pub(super) seen: u64,
}

impl Rule {
    /// The fault, if it strikes this request.
    pub(super) fn ask(&mut self, exchange: &Exchange) -> Option<Fault> {
        if !(self.concerns)(exchange) {
            return None;
        }
        let number = self.seen;
        self.seen += 1;
        self.times.strike(number).then(|| self.fault.clone())
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.times, self.fault)
    }
}
