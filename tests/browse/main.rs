//! Pages in Chromium: the local web page, also asked over HTTP, and exported conversations; what they show, what they refuse, what they never run.

mod attacks;
mod exported;
mod http;
mod pages;
mod samples;
mod stage;
mod window;
