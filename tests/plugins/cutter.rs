//! A plugin that passes the frames of another one on, and is killed together with it before it passes on the frame that
//! it is told: the option `cut-frame`. Once only, and the next one passes everything on.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use anyhow::{Context as _, Result};
use heirloom_plugin::message::{HostHello, decode, encode};
use heirloom_plugin::{Decoder, Frame};
use rustix::process::{Signal, getpid, kill_process};

/// Counts frames of both directions, in a file that outlives this process: a byte a frame.
struct Counter {
    state: PathBuf,
    cut: Option<u64>,
    plugin: Child,
}

impl Counter {
    fn count(&mut self) -> Result<()> {
        if self.state.join("cut").exists() {
            return Ok(());
        }
        let path = self.state.join("frames");
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        file.write_all(b".")?;
        if Some(fs::metadata(&path)?.len()) == self.cut {
            fs::write(self.state.join("cut"), "")?;
            self.plugin.kill()?;
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let mut input = io::stdin();
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    while frames.is_empty() {
        let read = input.read(&mut buffer)?;
        frames = decoder.push(&buffer[..read])?;
    }
    let mut hello: HostHello = decode(&frames[0].payload).context("a HELLO")?;
    let program = hello.config.remove("cut-program").context("a program")?;
    let cut = hello.config.remove("cut-frame").map(|frame| frame.parse()).transpose()?;
    let state = PathBuf::from(hello.config.remove("cut-state").context("a folder")?);
    frames[0].payload = encode(&hello);
    let mut plugin = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut to_plugin = plugin.stdin.take().context("a pipe")?;
    let from_plugin = plugin.stdout.take().context("a pipe")?;
    let counter = Arc::new(Mutex::new(Counter { state, cut, plugin }));
    let answers = {
        let counter = Arc::clone(&counter);
        thread::spawn(move || relay(from_plugin, &mut io::stdout(), Decoder::new(), &counter))
    };
    pass_on(&frames, &mut to_plugin, &counter)?;
    relay(input, &mut to_plugin, decoder, &counter)?;
    drop(to_plugin);
    answers.join().expect("no panic")
}

fn relay(
    mut from: impl Read,
    to: &mut impl Write,
    mut decoder: Decoder,
    counter: &Mutex<Counter>,
) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        pass_on(&decoder.push(&buffer[..read])?, to, counter)?;
    }
}

fn pass_on(frames: &[Frame], to: &mut impl Write, counter: &Mutex<Counter>) -> Result<()> {
    for frame in frames {
        counter.lock().expect("nobody panics").count()?;
        to.write_all(&frame.encode())?;
        to.flush()?;
    }
    Ok(())
}
